# The Ruby side. The first line says which functions there are. After that each line is a JSON
# array, and so is its answer: ["value", result], or ["error", class, message].
#   ["call", name, argument]
#   ["open", name, argument]   begins a stream, of which there is one at a time
#   ["next"]                   its next chunk in an array, which is empty at the end
#   ["drop"]                   nobody reads on
require "csv"
require "date"
require "json"
require "prime"

# Each takes one argument. A stream is whatever has `next`.
FUNCTIONS = {
  "ping" => ->(_) { "pong" },
  "echo" => ->(value) { value },
  "titleize" => ->(text) { titleize(text) },
  "parse_date" => ->(text) { describe(Date.parse(text)) },
  "markdown_table" => ->(csv) { markdown_table(csv) },
  "prime_factors" => ->(number) { Integer(number).prime_division },
  "primes" => ->(_) { Prime.lazy },
  "days" => ->((from, to)) { (Date.parse(from)..Date.parse(to)).lazy.map { |day| describe(day) } },
}.freeze

SMALL_WORDS = %w[a an and as at but by for in nor of on or the to up].freeze

def titleize(text)
  last = text.split.length - 1
  text.split.each_with_index.map do |word, index|
    is_small = SMALL_WORDS.include?(word.downcase) && index.positive? && index < last
    is_small ? word.downcase : word[0].upcase + word[1..]
  end.join(" ")
end

def describe(date)
  { iso: date.iso8601, weekday: Date::DAYNAMES[date.wday], week: date.cweek, dayOfYear: date.yday }
end

def markdown_table(csv)
  head, *rows = CSV.parse(csv, skip_blanks: true)
  raise ArgumentError, "there is no line with the names of the columns" if head.nil?
  line = ->(cells) { "| #{cells.map { |cell| cell.to_s.gsub("|", "\\|") }.join(" | ")} |" }
  [line.(head), line.(head.map { "---" }), *rows.map(&line)].join("\n")
end

class UnknownFunction < StandardError; end

def function(name)
  FUNCTIONS[name] or
    raise UnknownFunction, "there is no function #{name}, only #{FUNCTIONS.keys.join(", ")}"
end

def next_of(stream)
  [stream.next]
rescue StopIteration
  []
end

def answer(question, name = nil, argument = nil)
  case question
  when "call" then function(name).(argument)
  when "open" then (@stream = function(name).(argument)) && nil
  when "next" then next_of(@stream)
  when "drop" then @stream = nil
  end
end

%w[TERM INT].each { |signal| trap(signal) { exit!(0) } }
$stdin.set_encoding("UTF-8") # whatever the machine's language is
$stdout.sync = true
puts JSON.generate(FUNCTIONS.keys)
$stdin.each_line do |line|
  puts JSON.generate(["value", answer(*JSON.parse(line))])
rescue StandardError => error
  puts JSON.generate(["error", error.class.name, error.message])
end

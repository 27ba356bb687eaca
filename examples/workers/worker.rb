# A worker in plain Ruby: JSON lines in on stdin and out on stdout, nothing else on stdout.
require "io/wait"
require "json"

# What the caller reads in `error.details`.
class Refusal < StandardError
  attr_reader :type

  def initialize(type, message)
    @type = type
    super(message)
  end
end

def check(is_good, message)
  raise Refusal.new("INVALID_ARGUMENT", message) unless is_good
end

def integer?(value, least) = value.is_a?(Integer) && value >= least

def compute(args)
  op, a, b = args.values_at("op", "a", "b")
  check(%w[add subtract multiply divide sqrt].include?(op), "there is no op #{op}")
  check(a.is_a?(Numeric) && (op == "sqrt" || b.is_a?(Numeric)), "#{op} needs numbers")
  raise Refusal.new("DIVISION_BY_ZERO", "cannot divide #{a} by zero") if op == "divide" && b.zero?
  raise Refusal.new("NEGATIVE_ROOT", "#{a} has no real square root") if op == "sqrt" && a.negative?
  a = a.to_f # so that 7 / 2 is 3.5, as for everybody else
  result = case op
           when "add" then a + b
           when "subtract" then a - b
           when "multiply" then a * b
           when "divide" then a / b
           when "sqrt" then Math.sqrt(a)
           end
  raise Refusal.new("OUT_OF_RANGE", "the result of #{op} is too large") unless result.finite?
  result
end

def random(args)
  min, max, count = { "min" => 0, "max" => 1, "count" => 1 }.merge(args).values_at("min", "max", "count")
  numbers = min.is_a?(Numeric) && max.is_a?(Numeric)
  check(numbers && min < max && (max - min).to_f.finite?, "min and max must be numbers, min below max")
  check(integer?(count, 0) && count <= 100_000, "count must be an integer from 0 to 100000")
  Array.new(count) { min + rand * (max - min) }
end

def statistics(values)
  sorted = values.sort
  count = values.length
  sum = values.inject(:+)
  mean = sum.fdiv(count)
  median = (sorted[(count - 1) / 2] + sorted[count / 2]).fdiv(2)
  squares = values.inject(0) { |total, value| total + (value - mean)**2 }
  raise Refusal.new("OUT_OF_RANGE", "the values are too large") unless squares.to_f.finite?
  stddev = count > 1 ? Math.sqrt(squares / (count - 1)) : 0
  { count:, sum:, mean:, median:, stddev:, min: sorted.first, max: sorted.last }
end

# Takes `values`, or `rows` and a `column` for the numbers that the rows have in it.
def process_data(args)
  values, rows, column = args.values_at("values", "rows", "column")
  values = rows.map { |row| row.is_a?(Hash) ? row[column] : nil } if rows.is_a?(Array)
  check(values.is_a?(Array) && !values.empty?, "values, or rows and a column, are missing")
  check(values.all?(Numeric), "every value must be a number")
  statistics(values)
end

# A number with two decimals, unless it is whole.
def show(value)
  return value.to_s unless value.is_a?(Numeric)
  value == value.floor ? value.to_i.to_s : format("%.2f", (value * 100 + 0.5).floor / 100.0)
end

def generate_report(args)
  title, columns, rows = args.values_at("title", "columns", "rows")
  text = ->(value) { value.is_a?(String) && !value.empty? }
  check(text.(title), "title must be a text")
  check(columns.is_a?(Array) && columns.all?(text), "columns must be a list of names")
  check(rows.is_a?(Array) && rows.all?(Hash), "rows must be a list of objects")
  lines = rows.map { |row| columns.map { |name| "#{name}: #{show(row[name])}" }.join(", ") }
  totals = columns.filter_map do |name|
    values = rows.map { |row| row[name] }
    next if values.empty? || !values.all?(Numeric)
    sum, mean, min, max = statistics(values).values_at(:sum, :mean, :min, :max).map { |n| show(n) }
    "#{name}: sum #{sum}, mean #{mean}, #{min} to #{max}"
  end
  [title, "=" * title.length, *lines, "#{rows.length} rows", *totals].join("\n")
end

# Yields each pong, until it has given `count` or the caller has gone.
def ping_stream(args, call)
  count, interval_ms = { "count" => 10, "interval_ms" => 0 }.merge(args).values_at("count", "interval_ms")
  check(integer?(count, 0) && integer?(interval_ms, 0), "count and interval_ms must be integers")
  (1..count).each do |n|
    call.chunk({ sequence: n, message: "pong #{n}" })
    break if call.cancelled_within?(interval_ms / 1000.0)
  end
  call.chunks
end

COMMANDS = {
  "ping" => ->(_args, _call) { "pong" },
  "echo" => ->(args, _call) { args },
  "info" => lambda do |_args, call|
    { language: "Ruby", version: RUBY_VERSION, pid: Process.pid, session_id: call.session_id,
      commands: COMMANDS.keys }
  end,
  "compute" => ->(args, _call) { compute(args) },
  "random" => ->(args, _call) { random(args) },
  "process_data" => ->(args, _call) { process_data(args) },
  "generate_report" => ->(args, _call) { generate_report(args) },
  "ping_stream" => ->(args, call) { ping_stream(args, call) },
}.freeze

LOCK = Mutex.new

def write(message)
  line = "#{JSON.generate(message, max_nesting: 0)}\n"
  LOCK.synchronize { $stdout.write(line) }
rescue Errno::EPIPE
  exit!(0) # the host has gone
end

# One call, on a thread of its own, so that this program can read a cancel meanwhile.
class Call
  attr_reader :chunks, :session_id

  def initialize(message)
    @id, @command, @args, @session_id, @streams =
      message.values_at("request_id", "command", "args", "session_id", "stream")
    @hangup, @caller = IO.pipe # readable as soon as the caller has gone
  end

  def cancel = @caller.close
  def cancelled_within?(seconds) = !@hangup.wait_readable(seconds).nil?

  def chunk(value)
    return (@chunks ||= []).push(value) unless @streams
    write({ request_id: @id, chunk: value, is_final: false })
  end

  def run
    command = COMMANDS[@command] or raise Refusal.new("UNKNOWN_COMMAND", "no command #{@command}")
    check(@args.is_a?(Hash) || @command == "echo", "the arguments must be an object")
    result = command.call(@args, self)
    final = @streams && @command == "ping_stream"
    write(final ? { request_id: @id, is_final: true } : { request_id: @id, success: true, result: })
  rescue StandardError => error
    type = error.is_a?(Refusal) ? error.type : error.class.name
    write({ request_id: @id, success: false, error: { type:, message: error.message } })
  ensure
    [@hangup, @caller].each(&:close)
  end
end

%w[TERM INT].each { |signal| trap(signal) { exit!(0) } }
$stdin.set_encoding("UTF-8") # whatever the machine's language is
$stdout.sync = true
running = {}
worker_id = ENV.fetch("SNAKEPIT_WORKER_ID", nil)
write({ type: "ready", pid: Process.pid, worker_id:, commands: COMMANDS.keys })
$stdin.each_line do |line|
  message = JSON.parse(line, max_nesting: 0)
  id = message["request_id"]
  if message["type"] == "health_check" then write({ type: "health_response", request_id: id })
  elsif message["type"] == "cancel" then running[id]&.cancel
  elsif message["command"]
    call = running[id] = Call.new(message)
    Thread.new { call.run.tap { running.delete(id) } }
  end
rescue JSON::ParserError => error
  warn "not a message: #{error.message}"
end
exit!(0) # the host has hung up: whatever still runs has nobody to answer

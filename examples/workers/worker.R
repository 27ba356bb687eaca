# A worker in R (with jsonlite): JSON lines in on stdin and out on stdout, nothing else on stdout.
# R cannot catch SIGTERM; worker-r.sh beside this file starts it and does.
suppressPackageStartupMessages({
  library(jsonlite)
  library(parallel)
})

# What the caller reads in `error.details`.
refuse <- function(type, message) {
  error <- list(message = message, call = NULL, type = type)
  stop(structure(error, class = c("refusal", "error", "condition")))
}
check <- function(is_good, message) if (!isTRUE(is_good)) refuse("INVALID_ARGUMENT", message)

is_number <- function(value) is.numeric(value) && length(value) == 1
is_text <- function(value) is.character(value) && length(value) == 1 && nzchar(value)
is_list <- function(value) is.list(value) && is.null(names(value))
is_object <- function(value) is.list(value) && !is.null(names(value))
is_integer <- function(value, least) {
  is_number(value) && value == floor(value) && value >= least && value < 2^53
}
or_default <- function(value, default) if (is.null(value)) default else value

compute <- function(args, call) {
  op <- args[["op"]]
  a <- args[["a"]]
  b <- args[["b"]]
  known <- c("add", "subtract", "multiply", "divide", "sqrt")
  check(is_text(op) && op %in% known, paste("there is no op", format(op)))
  check(is_number(a) && (op == "sqrt" || is_number(b)), paste(op, "needs numbers"))
  a <- as.double(a) # R's integers end at 2^31
  if (op == "divide" && b == 0) refuse("DIVISION_BY_ZERO", paste("cannot divide", a, "by zero"))
  if (op == "sqrt" && a < 0) refuse("NEGATIVE_ROOT", paste(a, "has no real square root"))
  result <- switch(op, add = a + b, subtract = a - b, multiply = a * b, divide = a / b, sqrt = sqrt(a))
  if (!is.finite(result)) refuse("OUT_OF_RANGE", paste("the result of", op, "is too large"))
  result
}

random <- function(args, call) {
  low <- or_default(args[["min"]], 0)
  high <- or_default(args[["max"]], 1)
  count <- or_default(args[["count"]], 1)
  is_range <- is_number(low) && is_number(high) && low < high && is.finite(as.double(high) - low)
  check(is_range, "min and max must be numbers, min below max")
  check(is_integer(count, 0) && count <= 100000, "count must be an integer from 0 to 100000")
  as.list(runif(count, low, high))
}

statistics <- function(values) {
  squares <- sum((values - mean(values))^2)
  if (!is.finite(squares)) refuse("OUT_OF_RANGE", "the values are too large")
  stddev <- if (length(values) > 1) sd(values) else 0
  list(count = length(values), sum = sum(values), mean = mean(values), median = median(values),
       stddev = stddev, min = min(values), max = max(values))
}

column <- function(rows, name) lapply(rows, function(row) if (is_object(row)) row[[name]])
are_numbers <- function(values) all(vapply(values, is_number, TRUE))
as_numbers <- function(values) vapply(values, as.double, 0)

# Takes `values`, or `rows` and a `column` for the numbers that the rows have in it.
process_data <- function(args, call) {
  values <- args[["values"]]
  if (is_list(args[["rows"]])) values <- column(args[["rows"]], or_default(args[["column"]], ""))
  check(is_list(values) && length(values) > 0, "values, or rows and a column, are missing")
  check(are_numbers(values), "every value must be a number")
  statistics(as_numbers(values))
}

# A number with two decimals, unless it is whole.
show_value <- function(value) {
  if (is.null(value)) return("")
  if (is.logical(value)) return(tolower(as.character(value)))
  if (!is_number(value)) return(as.character(value))
  if (value == floor(value)) sprintf("%.0f", value) else sprintf("%.2f", floor(value * 100 + 0.5) / 100)
}

generate_report <- function(args, call) {
  check(is_text(args[["title"]]), "title must be a text")
  all_are <- function(values, kind) is_list(values) && all(vapply(values, kind, TRUE))
  columns <- args[["columns"]]
  rows <- args[["rows"]]
  check(all_are(columns, is_text), "columns must be a list of names")
  check(all_are(rows, is_object), "rows must be a list of objects")
  cell <- function(name, row) paste0(name, ": ", show_value(row[[name]]))
  line <- function(row) paste(vapply(columns, cell, "", row), collapse = ", ")
  total <- function(name) {
    values <- column(rows, name)
    if (length(values) == 0 || !are_numbers(values)) return(NULL)
    s <- lapply(statistics(as_numbers(values)), show_value)
    paste0(name, ": sum ", s$sum, ", mean ", s$mean, ", ", s$min, " to ", s$max)
  }
  head <- c(args[["title"]], strrep("=", nchar(args[["title"]], "chars")))
  body <- c(vapply(rows, line, ""), paste(length(rows), "rows"))
  paste(c(head, body, unlist(lapply(columns, total))), collapse = "\n")
}

# Gives each pong. It runs in a copy of this process, which a cancel ends.
ping_stream <- function(args, call) {
  count <- or_default(args[["count"]], 10)
  interval_ms <- or_default(args[["interval_ms"]], 0)
  check(is_integer(count, 0) && is_integer(interval_ms, 0), "count and interval_ms must be integers")
  chunks <- list()
  n <- 0
  while (n < count) {
    n <- n + 1
    chunk <- list(sequence = n, message = sprintf("pong %.0f", n))
    if (isTRUE(call[["stream"]])) reply(call, chunk = chunk, is_final = FALSE) else chunks[[n]] <- chunk
    if (interval_ms > 0) Sys.sleep(interval_ms / 1000)
  }
  chunks
}

info <- function(args, call) {
  list(language = "R", version = as.character(getRversion()), pid = Sys.getpid(),
       session_id = call[["session_id"]], commands = as.list(names(commands)))
}

commands <- list(
  ping = function(args, call) "pong", echo = function(args, call) args, info = info,
  compute = compute, random = random, process_data = process_data,
  generate_report = generate_report, ping_stream = ping_stream
)

# jsonlite stops at 15 digits; 17 bring every number back as it was.
exact <- function(number) structure(sprintf("%.17g", number), class = "json")
write_message <- function(message) {
  message <- rapply(message, exact, classes = c("numeric", "integer"), how = "replace")
  json <- toJSON(message, auto_unbox = TRUE, null = "null", json_verbatim = TRUE)
  cat(paste0(json, "\n")) # in one piece, because a copy of this process may write too, and be killed
}
reply <- function(call, ...) write_message(list(request_id = call[["request_id"]], ...))

answer <- function(call) {
  tryCatch({
    name <- call[["command"]]
    if (!name %in% names(commands)) refuse("UNKNOWN_COMMAND", paste("no command", name))
    check(is_object(call[["args"]]) || name == "echo", "the arguments must be an object")
    result <- commands[[name]](call[["args"]], call)
    is_stream <- isTRUE(call[["stream"]]) && name == "ping_stream"
    if (is_stream) reply(call, is_final = TRUE) else reply(call, success = TRUE, result = result)
  }, error = function(e) {
    type <- if (inherits(e, "refusal")) e[["type"]] else class(e)[[1]]
    reply(call, success = FALSE, error = list(type = type, message = conditionMessage(e)))
  })
  "answered"
}

# The copy of this process that gives pongs, and its call. There is one at most: the next call comes
# when this one has been answered.
running <- NULL

# Until the copy has ended, or at once; then answers for it, if it had not yet done so itself.
finish <- function(at_once) {
  if (is.null(running)) return()
  if (at_once) tools::pskill(running$copy$pid, tools::SIGKILL)
  answered <- suppressWarnings(mccollect(running$copy))[[1]]
  gone <- list(type = "CANCELLED", message = "the caller has gone")
  if (is.null(answered)) {
    cat("\n") # should it have died in the middle of a long line
    reply(running$call, success = FALSE, error = gone)
  }
  running <<- NULL
}

invisible(Sys.setlocale("LC_CTYPE", "C.UTF-8")) # whatever the machine's language is
worker_id <- Sys.getenv("SNAKEPIT_WORKER_ID")
names_of_commands <- as.list(names(commands))
write_message(list(type = "ready", pid = Sys.getpid(), worker_id = worker_id, commands = names_of_commands))
input <- file("stdin", "r", encoding = "UTF-8")
while (length(line <- readLines(input, n = 1)) > 0) {
  message <- tryCatch(fromJSON(line, simplifyVector = FALSE), error = function(e) {
    cat("not a message:", conditionMessage(e), "\n", file = stderr())
    NULL
  })
  id <- message[["request_id"]]
  if (identical(message[["type"]], "health_check")) {
    write_message(list(type = "health_response", request_id = id))
  } else if (identical(message[["type"]], "cancel")) {
    if (identical(id, running$call[["request_id"]])) finish(at_once = TRUE)
  } else if (is.character(message[["command"]])) {
    finish(at_once = FALSE)
    if (message[["command"]] != "ping_stream") answer(message)
    else running <- list(call = message, copy = mcparallel(answer(message)))
  }
}
# The host has hung up: whatever still runs has nobody to answer.
if (!is.null(running)) tools::pskill(running$copy$pid, tools::SIGKILL)
quit("no", status = 0)

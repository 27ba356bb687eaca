// A worker in plain Node: JSON lines in on stdin and out on stdout, nothing else on stdout.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

/** What the caller reads in `error.details`. */
function refuse(type, message) {
  throw Object.assign(new Error(message), { type });
}

function check(isGood, message) {
  if (!isGood) refuse("INVALID_ARGUMENT", message);
}

const isNumber = (value) => typeof value === "number";
const isInteger = (value, least) => Number.isSafeInteger(value) && value >= least;

function compute({ op, a, b }) {
  check(["add", "subtract", "multiply", "divide", "sqrt"].includes(op), `there is no op ${op}`);
  check(isNumber(a) && (op === "sqrt" || isNumber(b)), `${op} needs numbers`);
  if (op === "divide" && b === 0) refuse("DIVISION_BY_ZERO", `cannot divide ${a} by zero`);
  if (op === "sqrt" && a < 0) refuse("NEGATIVE_ROOT", `${a} has no real square root`);
  const results = {
    add: a + b,
    subtract: a - b,
    multiply: a * b,
    divide: a / b,
    sqrt: Math.sqrt(a),
  };
  if (!Number.isFinite(results[op])) refuse("OUT_OF_RANGE", `the result of ${op} is too large`);
  return results[op];
}

function random({ min = 0, max = 1, count = 1 }) {
  const isRange = isNumber(min) && isNumber(max) && min < max && Number.isFinite(max - min);
  check(isRange, "min and max must be numbers, min below max");
  check(isInteger(count, 0) && count <= 100_000, "count must be an integer from 0 to 100000");
  return Array.from({ length: count }, () => min + Math.random() * (max - min));
}

function statistics(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const count = values.length;
  const sum = values.reduce((total, value) => total + value, 0);
  const mean = sum / count;
  const median = (sorted[(count - 1) >> 1] + sorted[count >> 1]) / 2;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  if (!Number.isFinite(squares)) refuse("OUT_OF_RANGE", "the values are too large");
  const stddev = count > 1 ? Math.sqrt(squares / (count - 1)) : 0;
  return { count, sum, mean, median, stddev, min: sorted[0], max: sorted[count - 1] };
}

/** Takes `{ values }`, or `{ rows, column }` for the numbers that the rows have in that column. */
function processData({ values, rows, column }) {
  if (Array.isArray(rows)) values = rows.map((row) => row?.[column]);
  check(Array.isArray(values) && values.length > 0, "values, or rows and a column, are missing");
  check(values.every(isNumber), "every value must be a number");
  return statistics(values);
}

/** A number with two decimals, unless it is whole. */
function show(value) {
  if (!isNumber(value) || Number.isInteger(value)) return String(value ?? "");
  return (Math.floor(value * 100 + 0.5) / 100).toFixed(2);
}

function generateReport({ title, columns, rows }) {
  const isText = (value) => typeof value === "string" && value !== "";
  check(isText(title), "title must be a text");
  check(Array.isArray(columns) && columns.every(isText), "columns must be a list of names");
  const isRow = (row) => typeof row === "object" && row !== null && !Array.isArray(row);
  check(Array.isArray(rows) && rows.every(isRow), "rows must be a list of objects");
  const lines = rows.map((row) => columns.map((name) => `${name}: ${show(row[name])}`).join(", "));
  const totals = columns.flatMap((name) => {
    const values = rows.map((row) => row[name]);
    if (values.length === 0 || !values.every(isNumber)) return [];
    const { sum, mean, min, max } = statistics(values);
    return [`${name}: sum ${show(sum)}, mean ${show(mean)}, ${show(min)} to ${show(max)}`];
  });
  return [title, "=".repeat([...title].length), ...lines, `${rows.length} rows`, ...totals].join(
    "\n",
  );
}

/** Gives each pong, until it has given `count` or the caller has gone. */
async function* pingStream({ count = 10, interval_ms = 0 }, { signal }) {
  check(isInteger(count, 0) && isInteger(interval_ms, 0), "count and interval_ms must be integers");
  for (let n = 1; n <= count && !signal.aborted; n++) {
    yield { sequence: n, message: `pong ${n}` };
    await delay(interval_ms, undefined, { signal }).catch(() => {}); // a cancel ends the pause
  }
}

const commands = {
  ping: () => "pong",
  echo: (args) => args,
  info: (_, { session_id = null }) => ({
    language: "Node",
    version: process.version,
    pid: process.pid,
    session_id,
    commands: Object.keys(commands),
  }),
  compute,
  random,
  process_data: processData,
  generate_report: generateReport,
  ping_stream: pingStream,
};

/** What runs now, by `request_id`: how to end it. */
const running = new Map();
const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function answer({ request_id, command, args, session_id, stream }) {
  const cancel = new AbortController();
  running.set(request_id, cancel);
  try {
    if (!Object.hasOwn(commands, command)) refuse("UNKNOWN_COMMAND", `no command ${command}`);
    const isObject = typeof args === "object" && args !== null && !Array.isArray(args);
    check(isObject || command === "echo", "the arguments must be an object");
    const result = commands[command](args, { signal: cancel.signal, session_id });
    const chunks = [];
    if (command === "ping_stream") {
      for await (const chunk of result) {
        if (!stream) chunks.push(chunk);
        else if (!write({ request_id, chunk, is_final: false }))
          await once(process.stdout, "drain");
      }
    }
    if (command !== "ping_stream") write({ request_id, success: true, result });
    else if (stream) write({ request_id, is_final: true });
    else write({ request_id, success: true, result: chunks });
  } catch ({ type = "Error", message }) {
    write({ request_id, success: false, error: { type, message } });
  }
  running.delete(request_id);
}

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
const worker_id = process.env.SNAKEPIT_WORKER_ID;
write({ type: "ready", pid: process.pid, worker_id, commands: Object.keys(commands) });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const message = JSON.parse(line);
    const { type, request_id } = message;
    if (type === "health_check") write({ type: "health_response", request_id });
    else if (type === "cancel") running.get(request_id)?.abort();
    else if (message.command) void answer(message);
  } catch (error) {
    console.error(`not a message: ${error.message}`);
  }
}
process.exit(0); // the host has hung up: whatever still runs has nobody to answer

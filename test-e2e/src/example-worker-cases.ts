/** What a call to an example worker gives: a result, or an error of this type. */
export type ExampleCase =
  | { readonly command: string; readonly args: object; readonly result: unknown }
  | { readonly command: string; readonly args: object; readonly error: string };

const rows = [
  { city: "Oslo", celsius: 3.125, capital: true },
  { city: "Zürich", celsius: 12, capital: false },
  { city: "Lisboa", celsius: 21.456 },
];

const report = `Températures
============
city: Oslo, celsius: 3.13, capital: true
city: Zürich, celsius: 12, capital: false
city: Lisboa, celsius: 21.46, capital: 
3 rows
celsius: sum 36.58, mean 12.19, 3.13 to 21.46`;

/** The same for every language. */
export const exampleCases: readonly ExampleCase[] = [
  { command: "ping", args: {}, result: "pong" },
  { command: "echo", args: { a: [1, "ü😀", null] }, result: { a: [1, "ü😀", null] } },

  { command: "compute", args: { op: "add", a: 0.1, b: 0.2 }, result: 0.1 + 0.2 },
  { command: "compute", args: { op: "add", a: 2 ** 31, b: 2 ** 31 }, result: 2 ** 32 },
  { command: "compute", args: { op: "subtract", a: 5, b: 8 }, result: -3 },
  { command: "compute", args: { op: "multiply", a: 2 ** 40, b: 3 }, result: 3 * 2 ** 40 },
  { command: "compute", args: { op: "divide", a: 7, b: 2 }, result: 3.5 },
  { command: "compute", args: { op: "sqrt", a: 2 }, result: Math.SQRT2 },
  { command: "compute", args: { op: "sqrt", a: 0 }, result: 0 },
  { command: "compute", args: { op: "divide", a: 1, b: 0 }, error: "DIVISION_BY_ZERO" },
  { command: "compute", args: { op: "divide", a: 0, b: 0 }, error: "DIVISION_BY_ZERO" },
  { command: "compute", args: { op: "sqrt", a: -1 }, error: "NEGATIVE_ROOT" },
  { command: "compute", args: { op: "multiply", a: 1e200, b: 1e200 }, error: "OUT_OF_RANGE" },
  { command: "compute", args: { op: "power", a: 1, b: 2 }, error: "INVALID_ARGUMENT" },
  { command: "compute", args: { a: 1, b: 2 }, error: "INVALID_ARGUMENT" },
  { command: "compute", args: { op: "add", a: 1 }, error: "INVALID_ARGUMENT" },
  { command: "compute", args: { op: "add", a: "1", b: 2 }, error: "INVALID_ARGUMENT" },
  { command: "compute", args: { op: "add", a: true, b: 2 }, error: "INVALID_ARGUMENT" },
  { command: "compute", args: { op: "add", a: [1], b: 2 }, error: "INVALID_ARGUMENT" },
  { command: "compute", args: { op: "add", alpha: 1, beta: 2 }, error: "INVALID_ARGUMENT" },
  { command: "compute", args: [1, 2], error: "INVALID_ARGUMENT" },

  { command: "random", args: { min: 2, max: 1 }, error: "INVALID_ARGUMENT" },
  { command: "random", args: { count: -1 }, error: "INVALID_ARGUMENT" },
  { command: "random", args: { count: 1.5 }, error: "INVALID_ARGUMENT" },
  { command: "random", args: { min: "a" }, error: "INVALID_ARGUMENT" },
  { command: "random", args: { count: 0 }, result: [] },

  {
    command: "process_data",
    args: { values: [3, 1, 4, 1, 5, 9, 2, 6] },
    result: {
      count: 8,
      sum: 31,
      mean: 3.875,
      median: 3.5,
      stddev: 2.748376143938713,
      min: 1,
      max: 9,
    },
  },
  {
    command: "process_data",
    args: { rows, column: "celsius" },
    result: {
      count: 3,
      sum: 36.581,
      mean: 12.193666666666667,
      median: 12,
      stddev: 9.167034435046775,
      min: 3.125,
      max: 21.456,
    },
  },
  {
    command: "process_data",
    args: { values: [7.5] },
    result: { count: 1, sum: 7.5, mean: 7.5, median: 7.5, stddev: 0, min: 7.5, max: 7.5 },
  },
  { command: "process_data", args: { values: [] }, error: "INVALID_ARGUMENT" },
  { command: "process_data", args: { values: [1, "2"] }, error: "INVALID_ARGUMENT" },
  { command: "process_data", args: { values: [1, null] }, error: "INVALID_ARGUMENT" },
  { command: "process_data", args: { values: 3 }, error: "INVALID_ARGUMENT" },
  { command: "process_data", args: {}, error: "INVALID_ARGUMENT" },
  { command: "process_data", args: { rows, column: "city" }, error: "INVALID_ARGUMENT" },
  { command: "process_data", args: { rows, column: "height" }, error: "INVALID_ARGUMENT" },
  { command: "process_data", args: { values: [1e300, -1e300] }, error: "OUT_OF_RANGE" },

  {
    command: "generate_report",
    args: { title: "Températures", columns: ["city", "celsius", "capital"], rows },
    result: report,
  },
  {
    command: "generate_report",
    args: { title: "Nothing", columns: ["city"], rows: [] },
    result: "Nothing\n=======\n0 rows",
  },
  { command: "generate_report", args: { columns: [], rows: [] }, error: "INVALID_ARGUMENT" },
  { command: "generate_report", args: { title: "T", rows: [] }, error: "INVALID_ARGUMENT" },
  {
    command: "generate_report",
    args: { title: "T", columns: ["a"], rows: [[1]] },
    error: "INVALID_ARGUMENT",
  },
  {
    command: "generate_report",
    args: { title: "T", columns: [1], rows: [] },
    error: "INVALID_ARGUMENT",
  },

  {
    command: "ping_stream",
    args: { count: 2 },
    result: [
      { sequence: 1, message: "pong 1" },
      { sequence: 2, message: "pong 2" },
    ],
  },
  { command: "ping_stream", args: { count: "many" }, error: "INVALID_ARGUMENT" },
  { command: "ping_stream", args: { interval_ms: -1 }, error: "INVALID_ARGUMENT" },
];

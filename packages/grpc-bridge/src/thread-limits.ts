/**
 * Read by numeric libraries as they load. Without them 16 workers would each start a thread per
 * core and fight for the cores; Snakepit for Elixir has had hosts run out of processes that way.
 */
const names = [
  "OPENBLAS_NUM_THREADS",
  "OMP_NUM_THREADS",
  "MKL_NUM_THREADS",
  "NUMEXPR_NUM_THREADS",
  "VECLIB_MAXIMUM_THREADS",
];

export function threadLimits(threads: number): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, String(threads)]));
}

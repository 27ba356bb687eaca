import type { WorkerExit } from "./launcher.ts";

/** What a worker died of, as far as can be told. `stopped`: by our own request, in good order. */
export type CrashCause = "stopped" | "exit-code" | "signal" | "out-of-memory" | "lost";

export interface CrashFacts {
  readonly exit: WorkerExit;
  /** This pool had asked it to end, or ended it. */
  readonly wanted: boolean;
  /** What it last wrote to stderr. */
  readonly stderr: string;
  /** The kernel has killed something for want of memory while the worker lived. */
  readonly kernelKilled: boolean;
}

/**
 * Somebody else has ended it: no process does this to itself, and the kernel's own reason, want of
 * memory, is known. Or it went with something that it depended on. Neither its start nor its calls
 * are to blame.
 */
export function wasKilledFromOutside(exit: WorkerExit, cause: CrashCause): boolean {
  if (exit.kind === "lost") return exit.with !== undefined;
  const signal = signalOf(exit);
  return cause === "signal" && (signal === "SIGKILL" || signal === "SIGTERM");
}

/** A shell reports a child that a signal has ended as 128 + the signal's number. */
const SIGNAL_EXIT = 128;
const SIGKILL = 9;

/** The last words of runtimes that give up for want of memory. */
const outOfMemoryWords =
  /heap out of memory|\bMemoryError\b|\bNoMemoryError\b|\bOutOfMemoryError\b|fatal error: out of memory|cannot allocate (memory|vector)|std::bad_alloc/i;

/** Pure: everything that it goes by comes in. */
export function crashCause({ exit, wanted, stderr, kernelKilled }: CrashFacts): CrashCause {
  if (wanted) return "stopped";
  if (exit.kind === "lost") return "lost";
  const signal = signalOf(exit);
  if (signal === "SIGKILL" && kernelKilled) return "out-of-memory";
  const failed = signal !== undefined || (exit.kind === "exited" && exit.code !== 0);
  if (failed && outOfMemoryWords.test(stderr.slice(-4_000))) return "out-of-memory";
  return signal === undefined ? "exit-code" : "signal";
}

function signalOf(exit: WorkerExit): string | undefined {
  if (exit.kind === "signaled") return exit.signal;
  if (exit.kind !== "exited" || exit.code <= SIGNAL_EXIT || exit.code > SIGNAL_EXIT + 64) return;
  return exit.code === SIGNAL_EXIT + SIGKILL ? "SIGKILL" : `signal ${exit.code - SIGNAL_EXIT}`;
}

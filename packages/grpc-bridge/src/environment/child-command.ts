import { spawn } from "node:child_process";

export interface ChildCommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  /** The child draws its own progress on our standard error, which then must be a terminal. */
  readonly terminal?: boolean;
}

/** What became of a child. `status` is `null` when it could not be started or a signal ended it. */
export interface ChildResult {
  readonly status: number | null;
  readonly stdout: string;
  /** The last 8 KiB; empty when the child wrote to the terminal itself. */
  readonly stderr: string;
  readonly error?: Error;
}

const keptCharacters = 8_192;

/** Runs a program to its end. Rejects only when `signal` aborts, with its reason; the child is killed. */
export function runChild(
  program: string,
  args: readonly string[],
  options: ChildCommandOptions = {},
): Promise<ChildResult> {
  const { promise, resolve, reject } = settlers<ChildResult>();
  if (options.signal?.aborted) return Promise.reject(options.signal.reason);
  const child = spawn(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", options.terminal ? "inherit" : "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let error: Error | undefined;
  const kill = () => child.kill("SIGKILL");
  options.signal?.addEventListener("abort", kill, { once: true });
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-keptCharacters);
  });
  child.on("error", (reason) => {
    error = reason;
  });
  child.on("close", (status) => {
    options.signal?.removeEventListener("abort", kill);
    if (options.signal?.aborted) reject(options.signal.reason);
    else resolve({ status, stdout, stderr, ...(error === undefined ? {} : { error }) });
  });
  return promise;
}

function settlers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

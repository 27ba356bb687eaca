import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const pythonFolder = fileURLToPath(new URL("../python", import.meta.url));
export const protoFile = fileURLToPath(new URL("../proto/bench.proto", import.meta.url));

/** The interpreter for everybody: that of the bridge, so that all run on the same Python. */
export function interpreter(): string {
  const named = process.env["SNAKEPIT_PYTHON"];
  if (named !== undefined) return named;
  const venv = fileURLToPath(new URL("../../python/.venv/bin/python", import.meta.url));
  if (existsSync(venv)) return venv;
  throw new Error(`no Python: set SNAKEPIT_PYTHON, or let "./run bench" make ${venv}`);
}

/** Starts one of the programs in `bench/python`; it ends when its stdin does. */
export function startPython(
  program: string,
  args: readonly string[],
  python = interpreter(),
): ChildProcess {
  return spawn(python, [`${pythonFolder}/${program}`, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Rejects with the process's last words if it ends before `ready` resolves. */
export async function whenReady<Value>(child: ChildProcess, ready: Promise<Value>): Promise<Value> {
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-4_096);
  });
  const { promise: gone, reject } = deferred();
  child.once("error", reject);
  child.once("close", () => reject(new Error(lastLine(stderr) ?? "Python ended without a word")));
  const first = Promise.race([ready, gone]);
  gone.catch(() => {}); // later it is no news: we ended it
  return first as Promise<Value>;
}

export async function stopPython(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL"); // nothing in it is worth a farewell
  await gone;
}

function deferred() {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, no) => {
    reject = no;
  });
  return { promise, reject };
}

function lastLine(text: string): string | undefined {
  return text.trim().split("\n").at(-1) || undefined;
}

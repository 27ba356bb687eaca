import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

export const root = join(import.meta.dirname, "..");

/** Something that the person at the keyboard can mend. Shown as it is, without a stack. */
export class Problem extends Error {}

/** Runs a script's `main` and turns what it answers, or a `Problem`, into the exit code. */
export async function runMain(main: (args: string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Everything runs with the workspace's tools, on the workspace's Python. */
export function workspaceEnvironment(): NodeJS.ProcessEnv {
  const bins = ["node_modules/.bin", "python/node_modules/.bin"].map((bin) => join(root, bin));
  return {
    ...process.env,
    PATH: [...bins, process.env["PATH"]].join(delimiter),
    SNAKEPIT_PYTHON: join(root, "python/.venv/bin/python"),
    TURBO_TELEMETRY_DISABLED: "1",
    DO_NOT_TRACK: "1",
    TURBO_NO_UPDATE_NOTIFIER: "1",
    // Whoever started us has installed; tasks that run side by side must not try it again.
    pnpm_config_verify_deps_before_run: "false",
  };
}

const passedOn = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Keep the child's output to ourselves, unless it fails. */
  readonly quiet?: boolean;
  /** Is given the child's output, which is shown all the same. Not on a terminal: its colors and
   * its bars are worth more there. */
  readonly heard?: (text: string) => void;
}

/**
 * Runs a program of ours, written for Node, to its end; answers its exit code, or 128 + n after
 * signal n. A Ctrl-C reaches it by itself, being of the same terminal; everywhere else our signals
 * are passed on. It ends when we do, whatever ends us.
 */
export function runScript(file: string, args: readonly string[]): Promise<number> {
  const lifeline = pathToFileURL(join(import.meta.dirname, "lifeline.mjs")).href;
  const env = { ...workspaceEnvironment(), SNAKEPIT_LIFELINE: "3" };
  const child = spawn(process.execPath, ["--import", lifeline, join(root, file), ...args], {
    cwd: root,
    env,
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  return ended(child, (signal) => {
    if (signal !== "SIGINT" || !atTerminal) child.kill(signal);
    else setTimeout(() => child.kill("SIGTERM"), 5_000).unref();
  });
}

/**
 * Runs a program that is not ours, with all that it starts, in the same way. It has a session of
 * its own, so that every signal reaches it through us alone.
 */
export async function run(
  program: string,
  args: readonly string[],
  { env = workspaceEnvironment(), quiet = false, heard }: RunOptions = {},
): Promise<number> {
  const keeper = join(import.meta.dirname, "keeper.mjs");
  const listens = heard !== undefined && !process.stdout.isTTY;
  const output: "pipe" | "inherit" = quiet || listens ? "pipe" : "inherit";
  const stdio: StdioOptions = [quiet ? "ignore" : "inherit", output, output];
  const child = spawn(process.execPath, [keeper, program, ...args], {
    cwd: root,
    env,
    detached: true,
    stdio: [...stdio, "pipe"],
  });
  let kept = "";
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    from?.setEncoding("utf8").on("data", (text: string) => {
      if (quiet) kept += text;
      else to.write(text);
      heard?.(text);
    });
  }
  const status = await ended(child, (signal) => child.kill(signal));
  if (status !== 0 && !wasInterrupted(status)) process.stderr.write(kept);
  return status;
}

/** Gives every signal to `pass` as long as the child runs. */
function ended(child: ChildProcess, pass: (signal: NodeJS.Signals) => void): Promise<number> {
  let interrupted: NodeJS.Signals | undefined;
  const listener = (signal: NodeJS.Signals) => {
    interrupted ??= signal;
    pass(signal);
  };
  for (const signal of passedOn) process.on(signal, listener);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      for (const name of passedOn) process.off(name, listener);
      const reason = interrupted ?? signal;
      resolve(reason === null ? (status ?? 1) : 128 + constants.signals[reason]);
    });
  });
}

const interruptions = passedOn.map((signal) => 128 + constants.signals[signal]);

/** The exit code of a child that was ended from a keyboard, or from outside. */
export function wasInterrupted(status: number): boolean {
  return interruptions.includes(status);
}

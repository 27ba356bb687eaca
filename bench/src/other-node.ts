import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
const lifeline = new URL("../../scripts/lifeline.mjs", import.meta.url).href;
/** Beside `src`, so that paths relative to it are the same. Git ignores it. */
const compiled = join(folder, "dist");

/**
 * Runs the bench on another Node, which need not understand TypeScript; answers its exit code.
 * What it measures is the built packages in either case.
 */
export async function runOn(node: string, args: readonly string[]): Promise<number> {
  const compilation = spawn(
    "tsc",
    [
      ...["--project", folder, "--rootDir", join(folder, "src"), "--outDir", compiled],
      ...["--noEmit", "false", "--target", "es2022"],
    ],
    { stdio: "inherit" },
  );
  try {
    const status = await ended(compilation);
    return status === 0 ? await ended(startBench(node, args)) : status;
  } finally {
    await rm(compiled, { recursive: true, force: true });
  }
}

/** It ends when we do, and whatever looks for a `node` finds that one first. */
function startBench(node: string, args: readonly string[]): ChildProcess {
  return spawn(node, ["--import", lifeline, join(compiled, "main.js"), ...args], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: {
      ...process.env,
      PATH: [dirname(node), process.env["PATH"]].join(delimiter),
      SNAKEPIT_LIFELINE: "3",
    },
  });
}

/** The exit code, or 128 + n after signal n. Signals to us are passed on. */
async function ended(child: ChildProcess): Promise<number> {
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  const passedOn = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of passedOn) process.on(signal, pass);
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  } finally {
    for (const signal of passedOn) process.off(signal, pass);
  }
}

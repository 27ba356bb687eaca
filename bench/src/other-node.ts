import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
/** Beside `src`, so that paths relative to it are the same. Git ignores it. */
const compiled = join(folder, "dist");

/**
 * Runs the bench on another Node, which need not understand TypeScript; answers its exit code.
 * What it measures is the built packages in either case.
 */
export async function runOn(node: string, args: readonly string[]): Promise<number> {
  const tsc = ["--project", folder, "--noEmit", "false", "--outDir", compiled];
  try {
    const status = await run("tsc", [
      ...tsc,
      "--rootDir",
      join(folder, "src"),
      "--target",
      "es2022",
    ]);
    return status === 0 ? await run(node, [join(compiled, "main.js"), ...args]) : status;
  } finally {
    await rm(compiled, { recursive: true, force: true });
  }
}

/** With that Node first on the PATH, for whatever looks for one. */
async function run(program: string, args: readonly string[]): Promise<number> {
  const path = `${dirname(program)}:${process.env["PATH"] ?? ""}`;
  const env = program.includes("/") ? { ...process.env, PATH: path } : process.env;
  const child = spawn(program, args, { stdio: "inherit", env });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== null) throw new Error(`${program} was ended by ${signal}`);
  return code ?? 1;
}

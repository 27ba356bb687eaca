import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.ts";
import { Problem, root, runScript } from "./workspace.ts";

/** Builds what is not built yet, and runs one program of this workspace; answers its exit code. */
export async function runApp(main: string, args: readonly string[]): Promise<number> {
  if (!existsSync(join(root, main))) throw new Problem(`${main} is missing.`);
  const status = await build();
  return status === 0 ? runScript(main, args) : status;
}

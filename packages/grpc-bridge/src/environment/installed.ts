import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChild } from "./child-command.ts";

const coreModules = ["snakepit_bridge", "ormsgpack"];
const extraModules: Readonly<Record<string, readonly string[]>> = {
  dspy: ["dspy"],
  grpc: ["grpc"],
};

/** What an environment with these extras must be able to import. */
export function promisedModules(extras: readonly string[]): string[] {
  return [...coreModules, ...extras.flatMap((extra) => extraModules[extra] ?? [])];
}

// Importing also compiles: just the modules that are needed, where compiling all 6,000 files would
// take half a minute.
const question = `
import importlib, json, platform, sys
from importlib.metadata import PackageNotFoundError, version
found = {"python": platform.python_version()}
distributions = {"snakepit_bridge": "snakepit-bridge", "grpc": "grpcio"}
for module in sys.argv[1:]:
    importlib.import_module(module)
    name = distributions.get(module, module)
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        continue
print(json.dumps(found))
`;

export type Imported =
  | { readonly versions: Readonly<Record<string, string>> }
  | { readonly problem: string; readonly stderr: string };

/** Imports what was promised, in the interpreter itself: the versions found, or what is wrong. */
export async function importPromised(
  executable: string,
  extras: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Imported> {
  const scratch = join(tmpdir(), `snakepit-import-${crypto.randomUUID()}`);
  // DSPy opens a cache in the home folder and LiteLLM asks the network, merely by being imported.
  const calm = { DSPY_CACHEDIR: scratch, LITELLM_LOCAL_MODEL_COST_MAP: "True", PYTHONPATH: "" };
  try {
    const { status, stdout, stderr, error } = await runChild(
      executable,
      ["-c", question, ...promisedModules(extras)],
      { signal, env: { ...process.env, ...calm } },
    );
    if (status === 0) return { versions: JSON.parse(stdout) as Record<string, string> };
    const lastLine = stderr.trim().split("\n").at(-1) ?? "";
    return { problem: lastLine || (error?.message ?? "it ended without a word"), stderr };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

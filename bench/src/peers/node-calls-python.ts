import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Contestant } from "../contestant.ts";
import { interpreter, pythonFolder } from "../python-process.ts";

const bench = fileURLToPath(new URL("../..", import.meta.url));

/** `node-calls-python`: Python inside this process, on threads of Node's; its asynchronous form. */
export async function openNodeCallsPython(): Promise<Contestant> {
  compile();
  tryAlone();
  // Otherwise a Ctrl-C ends this process on the spot, with nothing closed.
  process.env["NODE_CALLS_PYTHON_IGNORE_SIGINT"] = "1";
  const { interpreter: python } = await import("node-calls-python");
  const module = await python.import(join(pythonFolder, "pythonia_module.py"), false);
  return {
    name: "node-calls-python",
    add: (a, b) => python.call(module, "add", a, b) as Promise<number>,
    // There is no way to unload it; it does nothing while nobody calls.
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Only what is measured is compiled: an install of the workspace needs no compiler. */
function compile(): void {
  const folder = dirname(createRequire(import.meta.url).resolve("node-calls-python"));
  if (existsSync(join(folder, "build/Release/nodecallspython.node"))) return;
  console.error("Compiling node-calls-python (once) …");
  const { status, stdout, stderr } = spawnSync("pnpm", ["run", "build:node-calls-python"], {
    cwd: bench,
    encoding: "utf8",
    env: { ...process.env, ...headers(), PATH: withPythonsTools() },
  });
  if (status !== 0) throw new Error(`it does not compile here: ${firstError(stdout + stderr)}`);
}

const attempt = `
  import { interpreter as python } from "node-calls-python";
  const module = await python.import(process.argv[1], false);
  if ((await python.call(module, "add", 1, 2)) !== 3) process.exit(1);
  process.exit(0);
`;

/** In a process of its own: compiled for another Python than it meets, it takes its process along. */
function tryAlone(): void {
  const module = join(pythonFolder, "pythonia_module.py");
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", attempt, module],
    { cwd: bench, encoding: "utf8", timeout: 60_000 },
  );
  if (status === 0) return;
  const folder = "bench/node_modules/node-calls-python/build";
  throw new Error(
    `it does not run here (${signal ?? firstError(stderr)}); remove ${folder} to compile it anew, for a Python that has its headers and its shared library`,
  );
}

/** Of a Node that is installed with its headers; otherwise node-gyp fetches them. */
function headers(): Record<string, string> {
  const settings = spawnSync("npm", ["config", "get", "nodedir"], { encoding: "utf8" });
  const folder = settings.stdout?.trim() ?? "";
  return existsSync(join(folder, "include/node")) ? { npm_config_nodedir: folder } : {};
}

/** `python3-config` of the interpreter that all run on, in front of others. */
function withPythonsTools(): string {
  const question = "import sys; print(sys.base_prefix)";
  const prefix = spawnSync(interpreter(), ["-c", question], { encoding: "utf8" }).stdout.trim();
  return [join(prefix, "bin"), process.env["PATH"]].join(delimiter);
}

function firstError(output: string): string {
  return /^.*\b(?:error|ERR!|not found)\b.*$/im.exec(output)?.[0].trim() ?? "no reason given";
}

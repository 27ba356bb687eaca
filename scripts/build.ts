import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { turboEnvironment } from "./turbo.ts";
import { Problem, root, run, wasInterrupted } from "./workspace.ts";

// What a build reads. Turbo would find out by itself that nothing changed, but takes a second.
const sources = ["packages", "proto", "python", "tools/uv", "pnpm-lock.yaml", "turbo.json"];
const skipped = new Set(["node_modules", "dist", "gen", "reports", "v1", "__pycache__", "tests"]);
// The wheel and the locks, copied by the build itself.
const copied = "packages/grpc-bridge/python";

const results = [
  "packages/snakepit/dist/index.js",
  "packages/grpc-bridge/dist/index.js",
  "packages/dspex/dist/index.js",
  "python/.venv/bin/python",
  "python/.venv/snakepit-setup",
];

const stampFile = join(root, "node_modules/.cache/snakepit-build");

/**
 * Makes the Python environment and builds the packages, unless nothing changed since the last time.
 * Answers 0, or the exit code of a build that was interrupted or has said why it failed.
 */
export async function build(): Promise<number> {
  const wanted = fingerprint();
  const isBuilt =
    existsSync(stampFile) &&
    readFileSync(stampFile, "utf8") === wanted &&
    results.every((file) => existsSync(join(root, file)));
  if (isBuilt) return 0;

  const started = Date.now();
  const setup = await run(process.execPath, [join(root, "python/setup.ts")]);
  if (setup !== 0) return setup; // it has said why
  console.error("building the packages …");
  const options = ["--output-logs=errors-only", "--filter=./packages/*", "--filter=./python"];
  const status = await run("turbo", ["run", "build", ...options], {
    env: turboEnvironment(),
    quiet: true,
  });
  if (wasInterrupted(status)) return status;
  if (status !== 0) throw new Problem("The packages could not be built; see above.");
  console.error(`built after ${Math.round((Date.now() - started) / 1_000)} s`);
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, wanted);
  return 0;
}

function fingerprint(): string {
  const hash = createHash("sha256");
  for (const source of sources) addTo(hash, source);
  return hash.digest("hex");
}

function addTo(hash: ReturnType<typeof createHash>, path: string): void {
  const found = statSync(join(root, path));
  if (!found.isDirectory()) {
    hash.update(`${path} ${found.mtimeMs} ${found.size}\n`);
    return;
  }
  for (const name of readdirSync(join(root, path)).sort()) {
    const isSource = !name.startsWith(".") && !skipped.has(name) && path !== copied;
    if (isSource) addTo(hash, `${path}/${name}`);
  }
}

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { runChild } from "./child-command.ts";
import {
  isConnectionFailure,
  shownIndex,
  unreachableIndex,
  withoutCredentials,
} from "./index-failure.ts";
import { importPromised } from "./installed.ts";
import { findInterpreter, type Interpreter, isOnPath } from "./interpreter.ts";
import type { ProgressListener } from "./progress.ts";
import { writeReadyMarker } from "./ready-marker.ts";
import { setupError } from "./setup-error.ts";
import type { Shipped } from "./shipped.ts";

interface Making {
  readonly shipped: Shipped;
  /** Where it will stand. */
  readonly folder: string;
  readonly extras: readonly string[];
  readonly python?: string;
  readonly onProgress: ProgressListener;
  readonly signal?: AbortSignal;
}

/**
 * Makes an environment beside its final place, marks it as ready, and moves it there in one step,
 * so that nobody ever sees half of it. On failure or abort it leaves nothing.
 */
export async function makeEnvironment(making: Making): Promise<void> {
  const { folder, onProgress, signal } = making;
  const started = Date.now();
  mkdirSync(dirname(folder), { recursive: true });
  sweepLeftovers(folder);
  const staging = `${folder}.making-${process.pid}-${started}`;
  try {
    const interpreter = await findInterpreter(making);
    onProgress({
      step: "create",
      message: `making an environment for Python ${interpreter.version}`,
    });
    const install = await createVenv(interpreter, staging, making);
    onProgress({ step: "install", message: `installing ${packageCount(making.shipped)} packages` });
    // The lock is checked against its hashes; the wheel came with this package and has none there.
    await install(["--require-hashes", ...making.shipped.locks.flatMap((lock) => ["-r", lock])]);
    await install(["--no-deps", making.shipped.wheel]);
    onProgress({ step: "check", message: "importing it for the first time" });
    const imported = await importPromised(join(staging, "bin", "python"), making.extras, signal);
    if ("problem" in imported) {
      const message = `the new Python environment does not work: ${imported.stderr.trim() || imported.problem}`;
      throw setupError("adapter-open", message, { stderr: imported.stderr });
    }
    writeReadyMarker(staging, imported.versions);
    moveIntoPlace(staging, folder);
    const seconds = Math.max(1, Math.round((Date.now() - started) / 1_000));
    onProgress({ step: "ready", message: `ready after ${seconds} s: ${folder}` });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

type Install = (args: readonly string[]) => Promise<void>;

/** An empty virtual environment, and the tool that fills it: uv (seconds), else pip (minutes). */
async function createVenv(python: Interpreter, staging: string, making: Making): Promise<Install> {
  const pipIndex = await configuredIndex(python, making);
  const uv = await findUv(python, making, pipIndex);
  const target = join(staging, "bin", "python");
  if (uv !== undefined) {
    const index = uvIndex() ?? (process.env["UV_INDEX"] ? undefined : pipIndex);
    // uv does not read pip's settings, where a company's mirror often stands alone.
    const mirror = index === undefined ? {} : { UV_DEFAULT_INDEX: index };
    const env = { UV_HTTP_RETRIES: "1", ...process.env, UV_PYTHON_DOWNLOADS: "never", ...mirror };
    const run = toolRunner(staging, making, env, index);
    await run(uv, ["venv", "--quiet", "--python", python.executable, staging]);
    return (args) => run(uv, ["pip", "install", ...quiet, "--python", target, ...args]);
  }
  const run = toolRunner(staging, making, process.env, pipIndex);
  const hint = "it needs pip, or venv (on Debian and Ubuntu: `apt install python3-venv`)";
  if (!python.hasVenv) {
    throw setupError("adapter-open", `"${python.executable}" cannot make an environment; ${hint}`);
  }
  await run(python.executable, ["-m", "venv", staging]);
  return (args) =>
    run(target, ["-m", "pip", "install", ...quiet, "--retries", "1", "--no-compile", ...args]);
}

/** uv on PATH, else the pinned one, which pip fetches once; undefined where there is no pip either. */
async function findUv(
  python: Interpreter,
  making: Making,
  index: string | undefined,
): Promise<string | undefined> {
  const { signal, onProgress } = making;
  if (isOnPath("uv")) {
    const { status } = await runChild("uv", ["--version"], { signal });
    if (status === 0) return "uv";
  }
  const version = /^uv==(\S+)/m.exec(readFileSync(making.shipped.uvLock, "utf8"))?.[1];
  const home = join(dirname(making.folder), `uv-${version}`);
  const uv = join(home, "bin", "uv");
  const isThere = async () => (await runChild(uv, ["--version"], { signal })).status === 0;
  if (await isThere()) return uv;
  if (!python.hasPip) return undefined;
  onProgress({
    step: "uv",
    message: `fetching uv ${version}, which installs Python packages fast`,
  });
  const staging = `${home}.making-${process.pid}-${Date.now()}`;
  const options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"];
  // The first to use the network: what it cannot reach, nobody after it can.
  const hasty = ["--retries", "1", "--timeout", "10"];
  // `--target` is allowed also where the system's Python is "externally managed".
  const pip = [
    "-m",
    "pip",
    "install",
    ...options,
    ...hasty,
    "--target",
    staging,
    "-r",
    making.shipped.uvLock,
  ];
  try {
    const { status, stderr } = await runChild(python.executable, pip, { signal });
    if (status !== 0 && isConnectionFailure(stderr)) throw unreachableIndex(index, stderr);
    if (status === 0) moveIntoPlace(staging, home);
    // Without uv the slower way remains, which then reports what is wrong.
    return status === 0 && (await isThere()) ? uv : undefined;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** The index that uv was told to use. The older `UV_INDEX_URL` it reads by itself as well. */
function uvIndex(): string | undefined {
  return process.env["UV_DEFAULT_INDEX"] || process.env["UV_INDEX_URL"] || undefined;
}

/** The index in pip's settings, variables included. */
async function configuredIndex(
  python: Interpreter,
  { signal }: Making,
): Promise<string | undefined> {
  const named = process.env["PIP_INDEX_URL"];
  if (named) return named;
  if (!python.hasPip) return undefined;
  const { stdout } = await runChild(python.executable, ["-m", "pip", "config", "list"], { signal });
  return /^(?:global|install|:env:)\.index-url='(.+)'$/m.exec(stdout)?.[1];
}

/** On a terminal uv and pip draw their own progress; elsewhere their lists of packages are noise. */
const terminal = process.stderr.isTTY === true;
const quiet = terminal ? [] : ["--quiet"];

/** Runs one tool in the cache's folder, where no project's own settings for it lie. */
function toolRunner(
  staging: string,
  { folder, signal }: Making,
  env: NodeJS.ProcessEnv,
  index: string | undefined,
) {
  return async (program: string, args: readonly string[]) => {
    const { status, stderr, stdout, error } = await runChild(program, args, {
      cwd: dirname(folder),
      env: { ...env, PYTHONPATH: "", VIRTUAL_ENV: staging },
      signal,
      terminal,
    });
    if (status === 0) return;
    if (isConnectionFailure(stderr)) throw unreachableIndex(index, stderr);
    const said = withoutCredentials(stderr || stdout || `${error}`).trim();
    const command = `${basename(program)} ${args.slice(0, 3).join(" ")}`;
    throw setupError(
      "adapter-open",
      `\`${command} …\` failed while making the Python environment; check that the Python package index ${shownIndex(index)} can be reached (${terminal ? "see above" : said})`,
      { stderr: withoutCredentials(stderr), cause: error },
    );
  };
}

function packageCount({ locks }: Shipped): number {
  const names = locks.flatMap((lock) => readFileSync(lock, "utf8").match(/^[^\s#]+(?===)/gm) ?? []);
  return new Set(names).size + 1;
}

/** A whole folder takes the place of a broken one; an interrupted move leaves nothing there. */
function moveIntoPlace(staging: string, folder: string): void {
  const old = `${folder}.old-${process.pid}-${Date.now()}`;
  try {
    renameSync(folder, old);
  } catch {
    // There is none, which is the usual case.
  }
  renameSync(staging, folder);
  rmSync(old, { recursive: true, force: true });
}

/** What a killed process left beside the folder; a young one may still be at work. */
function sweepLeftovers(folder: string): void {
  const dayMs = 86_400_000;
  for (const name of readdirSync(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (!/\.(making|old)-\d+-\d+$/.test(name)) continue;
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > dayMs) rmSync(path, { recursive: true, force: true });
  }
}

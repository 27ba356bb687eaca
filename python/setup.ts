/**
 * Makes `python/.venv` what `requirements.lock` says, with this package in it as an editable
 * install. Does nothing, in a few milliseconds, when that is so already.
 */
import { type StdioOptions, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const here = import.meta.dirname;
const venv = join(here, ".venv");
const stamp = join(venv, "snakepit-setup");
const basePython = process.env["PYTHON"] ?? "python3";
// The exit code of `tools/uv` when the package index gave it no uv.
const indexTrouble = 69;
const wanted = createHash("sha256")
  .update(readFileSync(join(here, "requirements.lock")))
  .update(readFileSync(join(here, "pyproject.toml")))
  .digest("hex");

if (!isCurrent()) {
  const started = Date.now();
  console.error("Making python/.venv (once) …");
  const env = { ...process.env, VIRTUAL_ENV: venv, ...pipsIndex() };
  // One that works is brought up to date in place, under whoever is using it.
  if (!runs("")) uv(["venv", "--quiet", "--clear", "--python", basePython, venv], env);
  uv(["pip", "sync", ...visible(), "--require-hashes", "requirements.lock"], env);
  uv(["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."], env);
  writeFileSync(stamp, wanted);
  console.error(`python/.venv is ready after ${Math.round((Date.now() - started) / 1000)} s.`);
}

function isCurrent(): boolean {
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) return false;
  return runs("import ormsgpack");
}

function runs(code: string): boolean {
  return spawnSync(join(venv, "bin/python"), ["-c", code]).status === 0;
}

/** uv draws its progress bars on a terminal; elsewhere its list of 90 packages is noise. */
function visible(): string[] {
  return process.stderr.isTTY ? [] : ["--quiet"];
}

/** uv does not read pip's settings, where a company's mirror often stands alone. */
function pipsIndex(): Record<string, string> {
  const chosen = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX"].some((name) => process.env[name]);
  if (chosen) return {};
  const { stdout } = spawnSync(basePython, ["-m", "pip", "config", "list"], { encoding: "utf8" });
  const index = /^(?:global|install|:env:)\.index-url='(.+)'$/m.exec(stdout ?? "")?.[1];
  return index === undefined ? {} : { UV_DEFAULT_INDEX: index };
}

function uv(args: readonly string[], env: NodeJS.ProcessEnv): void {
  // On a terminal its progress is worth seeing, and what goes wrong is seen with it.
  const isShown = process.stderr.isTTY;
  const stdio: StdioOptions = ["inherit", "inherit", isShown ? "inherit" : "pipe"];
  const { status, stderr } = spawnSync("uv", args, { cwd: here, env, stdio, encoding: "utf8" });
  if (status === 0) {
    process.stderr.write(stderr ?? ""); // "fetching uv", and its warnings
    return;
  }
  if (status === null) process.exit(130); // interrupted: whoever pressed Ctrl-C knows
  const said = stderr ?? "";
  if (/^error: Failed to (?:fetch|download)|error sending request/m.test(said)) {
    console.error(
      "The Python package index cannot be reached: check the network, the proxy settings and UV_INDEX_URL or `pip config list`, then try again.",
    );
    process.exit(1);
  }
  process.stderr.write(said);
  // Then `tools/uv` had no uv to call, and has said why.
  if (status !== indexTrouble) {
    console.error(
      `\`uv ${args.slice(0, 2).join(" ")}\` failed (see above); remove python/.venv and try again.`,
    );
  }
  process.exit(1);
}

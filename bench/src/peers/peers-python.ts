import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { interpreter } from "../python-process.ts";

const bench = fileURLToPath(new URL("../..", import.meta.url));
const venv = join(bench, ".venv");
const stamp = join(venv, "bench-setup");

/**
 * The Python of the peers that need packages which the bridge does not: `bench/.venv`, of the
 * version that the bridge runs on, with what `requirements.lock` says. The first use makes it.
 */
export async function peersInterpreter(): Promise<string> {
  const lock = readFileSync(join(bench, "requirements.lock"));
  const base = interpreter();
  const version = outputOf(base, ["-c", "import sys; print(sys.version)"]);
  const wanted = createHash("sha256").update(lock).update(version).digest("hex");
  const isCurrent = existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
  if (!isCurrent) {
    console.error("Making bench/.venv (once) …");
    uv(["venv", "--quiet", "--clear", "--python", base, venv]);
    uv(["pip", "sync", "--quiet", "--require-hashes", "requirements.lock"]);
    writeFileSync(stamp, wanted);
  }
  return join(venv, "bin/python");
}

function uv(args: readonly string[]): void {
  const env = { ...process.env, VIRTUAL_ENV: venv, ...pipsIndex() };
  const { status, stderr } = spawnSync("uv", args, { cwd: bench, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`uv ${args[0]} failed: ${lastLine(stderr ?? "")}`);
}

/** uv does not read pip's settings, where a company's mirror often stands alone. */
function pipsIndex(): Record<string, string> {
  const chosen = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX"].some((name) => process.env[name]);
  if (chosen) return {};
  const settings = outputOf(process.env["PYTHON"] ?? "python3", ["-m", "pip", "config", "list"]);
  const index = /^(?:global|install|:env:)\.index-url='(.+)'$/m.exec(settings)?.[1];
  return index === undefined ? {} : { UV_DEFAULT_INDEX: index };
}

function outputOf(program: string, args: readonly string[]): string {
  return spawnSync(program, args, { encoding: "utf8" }).stdout?.trim() ?? "";
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) || "it said nothing";
}

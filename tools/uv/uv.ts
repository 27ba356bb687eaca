#!/usr/bin/env node
/**
 * Runs uv, the Python package manager, with the arguments given. uv is published on the Python
 * index only, so the first call fetches it into `.cache/` with pip, which knows the machine's
 * mirrors. `pip install --target` is allowed where the system Python is externally managed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const requirements = join(import.meta.dirname, "requirements.txt");
const version = /^uv==(\S+)/.exec(readFileSync(requirements, "utf8"))?.[1] ?? "unknown";
const home = join(import.meta.dirname, ".cache", version);
const uv = join(home, "bin", "uv");
const python = process.env["PYTHON"] ?? "python3";

if (!existsSync(uv)) install();
process.exit(spawnSync(uv, process.argv.slice(2), { stdio: "inherit" }).status ?? 1);

/** Into a folder of this process first, so that two installs side by side cannot mix. */
function install(): void {
  const staging = `${home}.${process.pid}`;
  mkdirSync(staging, { recursive: true });
  try {
    console.error(`fetching uv ${version}`);
    const options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    const pip = ["-m", "pip", "install", ...options, "--target", staging, "-r", requirements];
    // Nothing is installed into the system, whoever runs this.
    const env = { ...process.env, PIP_ROOT_USER_ACTION: "ignore" };
    const { status } = spawnSync(python, pip, { env, stdio: ["ignore", "inherit", "inherit"] });
    if (status !== 0) {
      console.error(
        `uv ${version} could not be fetched with \`${python} -m pip\`; check that pip is installed and the Python index can be reached.`,
      );
      process.exit(1);
    }
    if (!existsSync(home)) renameSync(staging, home);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

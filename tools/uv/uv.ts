#!/usr/bin/env node
/**
 * Runs uv, the Python package manager, with the arguments given. uv is published on the Python
 * index only, so the first call fetches it into `.cache/` with pip, which knows the machine's
 * mirrors. `pip install --target` is allowed where the system Python is externally managed.
 */
import { type StdioOptions, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const requirements = join(import.meta.dirname, "requirements.txt");
const version = /^uv==(\S+)/.exec(readFileSync(requirements, "utf8"))?.[1] ?? "unknown";
const home = join(import.meta.dirname, ".cache", version);
const uv = join(home, "bin", "uv");
const python = process.env["PYTHON"] ?? "python3";

/** EX_UNAVAILABLE of sysexits.h; uv itself never exits with it. */
const indexTrouble = 69;

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
    const stdio: StdioOptions = ["ignore", "pipe", "pipe"];
    const { status, stdout, stderr } = spawnSync(python, pip, { env, stdio, encoding: "utf8" });
    if (status !== 0) {
      const said = `${stdout}${stderr}`;
      // Pip would fill a screen with it.
      if (isIndexTrouble(said)) {
        console.error(
          `uv ${version} could not be fetched from the Python package index: check the network, the proxy settings and what \`${python} -m pip config list\` says, then try again.`,
        );
        process.exit(indexTrouble);
      }
      process.stderr.write(said);
      console.error(
        `uv ${version} could not be fetched with \`${python} -m pip\`; the lines above say why.`,
      );
      process.exit(1);
    }
    if (!existsSync(home)) renameSync(staging, home);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** With few retries pip does not name the fault; what remains is that it has seen no version at all. */
function isIndexTrouble(said: string): boolean {
  return /connection broken by|Could not fetch URL|\(from versions: none\)|\w+(?:Connection|Timeout|SSL|Proxy)Error\b/.test(
    said,
  );
}

/**
 * What `./run` does once there is a Node: checks that the machine has what the workspace needs,
 * installs when something changed, and hands over to `scripts/<command>.ts` under Node 24. Plain
 * JavaScript of 2020, so that a Node which is too old can still say so.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const pnpmVersion = "12.21.0";
const commands = ["demo", "test", "bench"];

/** Says which install `node_modules` holds, and where its pnpm and its Node are. */
const stampFile = join(root, "node_modules", ".snakepit-install.json");

/** Something that the person at the keyboard can mend. Shown as it is, without a stack. */
class Problem extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main([command, ...args]) {
  if (!commands.includes(command)) {
    console.error(`Usage: ./run ${commands.join("|")} [arguments]`);
    return command === undefined || command === "--help" || command === "-h" ? 0 : 1;
  }
  checkPlatform();
  checkNode();
  const env = { ...process.env, PYTHON: findPython() };
  const installed = readInstall() || (await install(env));
  if (installed === undefined) return 130;
  env.PATH = [join(root, "node_modules", ".bin"), installed.pnpm, env.PATH].join(delimiter);
  return runScript(installed.node, `scripts/${command}.ts`, args, env);
}

function checkPlatform() {
  if (process.platform === "win32") {
    throw new Problem("Windows is not supported: use Linux, macOS, or WSL on Windows.");
  }
}

function checkNode() {
  if (!isAtLeast(process.versions.node, [20, 19])) {
    throw new Problem(
      `Node ${process.versions.node} is too old: Node 20.19 or newer is needed (nodejs.org, or your package manager).`,
    );
  }
}

/** The first Python of a version that DSPy's dependencies support, with pip, which fetches all else. */
function findPython() {
  const named = process.env.PYTHON;
  const names = named ? [named] : ["python3", "python3.13", "python3.12", "python3.11"];
  const question =
    "import sys; print('%d.%d.%d' % sys.version_info[:3]); import importlib.util as u; print(u.find_spec('pip') is not None)";
  let problem;
  for (const name of names) {
    const { stdout, error } = spawnSync(name, ["-c", question], { encoding: "utf8" });
    const [version, hasPip] = (stdout || "").trim().split("\n");
    if (error || !/^\d+\.\d+\.\d+$/.test(version)) continue;
    if (!isAtLeast(version, [3, 11])) {
      problem =
        problem ||
        `Python ${version} (${name}) is too old: Python 3.11 or newer is needed; PYTHON=<path> names another one.`;
    } else if (isAtLeast(version, [3, 14])) {
      problem =
        problem ||
        `Python ${version} (${name}) is newer than what DSPy's dependencies support: install 3.11, 3.12 or 3.13; PYTHON=<path> names another one.`;
    } else if (hasPip === "True") {
      return name;
    } else {
      problem =
        problem ||
        `${name} has no pip: install it (on Debian and Ubuntu: apt install python3-pip), or name another Python with PYTHON=<path>.`;
    }
  }
  throw new Problem(
    problem ||
      (named
        ? `PYTHON names "${named}", which is not a Python that runs: name Python 3.11 or newer, or unset it.`
        : "Python is missing: install Python 3.11 or newer with pip (on Debian and Ubuntu: apt install python3 python3-pip), then try again."),
  );
}

function isAtLeast(version, [major, minor]) {
  const [ownMajor, ownMinor] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/** What was installed, or undefined when that is not what the lock file and the manifests say now. */
function readInstall() {
  if (!existsSync(stampFile)) return undefined;
  const stamp = JSON.parse(readFileSync(stampFile, "utf8"));
  const isCurrent =
    stamp.digest === digest() && existsSync(stamp.node) && existsSync(join(stamp.pnpm, "pnpm"));
  return isCurrent ? stamp : undefined;
}

function digest() {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", ...manifests()]) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

/** `package.json` of each member that `pnpm-workspace.yaml` names: a folder, or `folder/*`. */
function manifests() {
  const workspace = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8");
  const [members] = workspace.slice(workspace.indexOf("packages:")).split(/\n\s*\n/);
  const patterns = [...members.matchAll(/^ {2}- (.+)$/gm)].map(([, pattern]) => pattern);
  const folders = patterns.flatMap((pattern) => {
    if (!pattern.endsWith("/*")) return [pattern];
    const parent = pattern.slice(0, -2);
    if (!existsSync(join(root, parent))) return [];
    return readdirSync(join(root, parent))
      .sort()
      .map((name) => `${parent}/${name}`);
  });
  return folders
    .map((folder) => `${folder}/package.json`)
    .filter((file) => existsSync(join(root, file)));
}

/** Answers what was installed; undefined when it was interrupted. */
async function install(env) {
  rmSync(stampFile, { force: true });
  console.error("Installing what the workspace needs (a minute or so, once) …");
  const quiet = { ...env, npm_config_loglevel: "error", npm_config_update_notifier: "false" };
  if (!existsSync(join(root, "node_modules")) && !reachesRegistry(quiet)) return undefined;
  const pnpmFile = join(root, "node_modules", ".snakepit-pnpm");
  const script = `pnpm install --frozen-lockfile && command -v pnpm >"$SNAKEPIT_PNPM_FILE"`;
  const npx = ["-y", "-p", `pnpm@${pnpmVersion}`, "-c", script];
  const status = await run("npx", npx, { ...quiet, SNAKEPIT_PNPM_FILE: pnpmFile });
  if (status === 130 || status === 143) return undefined;
  if (status !== 0) throw new Problem("The installation failed; the lines above say why.");
  const pnpm = readFileSync(pnpmFile, "utf8")
    .trim()
    .replace(/\/pnpm$/, "");
  rmSync(pnpmFile);
  const stamp = { digest: digest(), pnpm, node: findNode() };
  writeFileSync(stampFile, JSON.stringify(stamp));
  return stamp;
}

/** Asked before the long installation, whose own complaint would be long too. False: interrupted. */
function reachesRegistry(env) {
  const probe = [
    "view",
    `pnpm@${pnpmVersion}`,
    "version",
    "--fetch-retries=0",
    "--fetch-timeout=15000",
  ];
  const { error, signal, status } = spawnSync("npm", probe, { cwd: root, env, encoding: "utf8" });
  if (error) {
    throw new Problem(
      "npm is missing: install it (it comes with Node; on Debian and Ubuntu: apt install npm), then try again.",
    );
  }
  if (signal === "SIGINT" || status === 130) return false;
  if (status === 0) return true;
  throw new Problem(
    "The npm registry cannot be reached: check the network, the proxy settings and `npm config get registry`, then try again.",
  );
}

/** Node 24 from the optional dependency; where that is not to be had, this one if it runs TypeScript. */
function findNode() {
  const node = join(root, "node_modules", ".bin", "node");
  if (spawnSync(node, ["--version"]).status === 0) return node;
  if (isAtLeast(process.versions.node, [22, 18])) return process.execPath;
  throw new Problem(
    `Node 24 could not be installed from the npm registry for this machine, and Node ${process.versions.node} does not run TypeScript: install Node 22.18 or newer, then try again.`,
  );
}

/**
 * Runs one of our scripts to its end and answers its exit code. A Ctrl-C reaches it by itself,
 * being of the same terminal; everywhere else our signals are passed on. It ends when we do,
 * whatever ends us.
 */
function runScript(node, script, args, env) {
  const lifeline = new URL("lifeline.mjs", import.meta.url).href;
  const child = spawn(node, ["--import", lifeline, join(root, script), ...args], {
    cwd: root,
    env: { ...env, SNAKEPIT_LIFELINE: "3" },
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  return ended(child, (signal) => {
    if (signal !== "SIGINT" || !atTerminal) child.kill(signal);
    else setTimeout(() => child.kill("SIGTERM"), 5_000).unref();
  });
}

/** Runs a program that is not ours, with all that it starts, in the same way. */
function run(program, args, env) {
  const keeper = join(root, "scripts", "keeper.mjs");
  const child = spawn(process.execPath, [keeper, program, ...args], {
    cwd: root,
    env,
    detached: true,
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  return ended(child, (signal) => child.kill(signal));
}

/** Gives every signal to `pass` as long as the child runs. */
function ended(child, pass) {
  let interrupted;
  const listener = (signal) => {
    interrupted = interrupted || signal;
    pass(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, listener);
  return new Promise((resolve, reject) => {
    child.on("error", (error) =>
      reject(
        new Problem(
          `"${child.spawnfile}" cannot be started (${error.message}); delete node_modules and try again.`,
        ),
      ),
    );
    child.on("exit", (status, signal) => {
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(name, listener);
      const reason = interrupted || signal;
      resolve(reason ? 128 + constants.signals[reason] : status);
    });
  });
}

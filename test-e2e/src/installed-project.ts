import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";

export const root = join(import.meta.dirname, "../..");

/** Node 24 of the workspace, and the machine's own where that is another one. */
export const nodes = differentNodes().map((path) => ({
  path,
  version: execFileSync(path, ["--version"], { encoding: "utf8" }).trim(),
}));

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The three packages as the registry would get them: `{ "dspex": "/…/dspex-0.1.0.tgz", … }`. */
export async function packPackages(folder: string): Promise<Record<string, string>> {
  const packages = { snakepit: "snakepit", "snakepit-grpc-bridge": "grpc-bridge", dspex: "dspex" };
  const packed: Record<string, string> = {};
  for (const [name, member] of Object.entries(packages)) {
    const target = join(folder, name);
    mkdirSync(target);
    const cwd = join(root, "packages", member);
    const { status, stderr } = await run("pnpm", ["pack", "--pack-destination", target], { cwd });
    if (status !== 0) throw new Error(`pnpm pack of ${name} failed: ${stderr}`);
    packed[name] = join(target, readdirSync(target)[0] ?? "");
  }
  return packed;
}

/** An empty project of somebody else's, with packages installed by plain npm, for one Node. */
export class InstalledProject {
  readonly folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  /** `cache` is where the Python environments of this project lie. */
  constructor(folder: string, node: string, cache: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    const uvs = join(root, "tools/uv/.cache");
    const uv = existsSync(uvs) ? readdirSync(uvs).map((version) => join(uvs, version, "bin")) : [];
    const path = (process.env["PATH"] ?? "").split(delimiter).filter((bin) => !isOurs(bin));
    const { SNAKEPIT_PYTHON: _, UV_CACHE_DIR, XDG_CACHE_HOME, ...inherited } = process.env;
    this.#environment = {
      ...inherited,
      PATH: [dirname(node), ...uv, ...path].join(delimiter),
      // The environments are new, what they are made of may come from the machine's cache.
      UV_CACHE_DIR: UV_CACHE_DIR ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "uv"),
      XDG_CACHE_HOME: cache,
      npm_config_update_notifier: "false",
    };
  }

  async install(...packages: readonly string[]): Promise<void> {
    const options = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    const { status, stderr } = await this.run("npm", ["install", ...options, ...packages]);
    if (status !== 0) throw new Error(`npm install failed: ${stderr}`);
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  /** Without a terminal, as in a service or in continuous integration. */
  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
    return run(program, args, { cwd: this.folder, env: { ...this.#environment, ...env } });
  }
}

/** A folder that holds a `node` and nothing else, to be the whole PATH. */
export function onlyNode(folder: string, node: string): string {
  mkdirSync(folder, { recursive: true });
  symlinkSync(node, join(folder, "node"));
  return folder;
}

function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

function differentNodes(): string[] {
  const machine = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((bin) => !isOurs(bin))
    .map((bin) => join(bin, "node"))
    .find((file) => existsSync(file));
  const own = realpathSync(process.execPath);
  return machine === undefined || realpathSync(machine) === own ? [own] : [own, machine];
}

function isOurs(bin: string): boolean {
  return bin.includes("node_modules");
}

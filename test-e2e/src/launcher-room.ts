import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";

export const root = join(import.meta.dirname, "../..");

/** How a launch ended: an exit code, or the signal that ended it. */
export interface Launched {
  readonly status: number | null;
  readonly signal: string | null;
  readonly output: string;
}

/** A checkout in which nothing is installed, and a PATH of programs that each test chooses. */
export class LauncherRoom {
  readonly folder = mkdtempSync(join(tmpdir(), "snakepit-launcher-"));
  readonly #bin = join(this.folder, "bin");

  constructor() {
    mkdirSync(this.#bin);
    mkdirSync(join(this.folder, "scripts"));
    this.copy("run", "scripts/run.mjs", "scripts/lifeline.mjs", "scripts/keeper.mjs");
    this.copy("package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml");
    symlinkSync("/usr/bin/dirname", join(this.#bin, "dirname"));
    symlinkSync(process.execPath, join(this.#bin, "node"));
    this.program("python3", "printf '3.12.1\\nTrue\\n'");
  }

  /** Files and folders of this repository, to the same places. */
  copy(...files: readonly string[]): void {
    for (const file of files)
      cpSync(join(root, file), join(this.folder, file), { recursive: true });
  }

  /** Lets the installation succeed at once, with what real ones leave: a Node, and where pnpm is. */
  makeInstallable(): void {
    this.program("npm", "exit 0");
    const install = `mkdir -p node_modules/.bin
ln -sf "${process.execPath}" node_modules/.bin/node
echo "$PWD/bin/pnpm" >"$SNAKEPIT_PNPM_FILE"
echo installed >>installations`;
    this.program("npx", `PATH=/usr/bin:/bin\n${install}`);
    this.program("pnpm", "exit 0");
  }

  /** Puts a program on the PATH. */
  program(name: string, script: string): void {
    this.without(name);
    writeFileSync(join(this.#bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.#bin, name), 0o755);
  }

  without(name: string): void {
    rmSync(join(this.#bin, name), { force: true });
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    writeFileSync(join(this.folder, file), text);
  }

  /** In a process group of its own, which a test may kill. */
  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(join(this.folder, "run"), args, {
      cwd: tmpdir(),
      detached: true,
      env: { PATH: this.#bin, HOME: this.folder, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  launch(args = ["demo"], env: NodeJS.ProcessEnv = {}): Promise<Launched> {
    return ended(this.start(args, env));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Resolves when the process is gone and everybody who held its output, too. */
export function ended(child: ChildProcess): Promise<Launched> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, output }));
  });
}

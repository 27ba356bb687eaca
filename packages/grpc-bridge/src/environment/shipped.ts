import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { SnakepitError } from "snakepit";
import { setupError } from "./setup-error.ts";

/** The Python half of this package, as it lies in the installed npm package. */
export interface Shipped {
  readonly wheel: string;
  /** One per extra, "core" first. Names, versions and hashes of everything to install. */
  readonly locks: readonly string[];
  /** The pinned uv, for machines that have none. */
  readonly uvLock: string;
  /** Of the wheel, the locks and the extras: what an environment must have been made from. */
  readonly digest: string;
}

/**
 * Finds the wheel and the locks for these extras.
 * @throws SnakepitError INVALID_OPTIONS for an unknown extra; WORKER_START_FAILED
 *   (`adapter-open`) when the folder is not there, as in a bundled application.
 */
export function findShipped(extras: readonly string[], folder = shippedFolder()): Shipped {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const wheel = files.find((file) => file.endsWith(".whl"));
  if (wheel === undefined) {
    throw setupError(
      "adapter-open",
      `the Python half of snakepit-grpc-bridge is not beside its code (looked for a wheel in ${folder}); a bundler must leave "snakepit-grpc-bridge" external`,
    );
  }
  const known = knownExtras(files);
  const problem = unknownExtras(extras, known);
  if (problem !== undefined) throw new SnakepitError("INVALID_OPTIONS", problem);
  const locks = ["core", ...sorted(extras)].map((extra) => join(folder, lockName(extra)));
  const hash = createHash("sha256");
  for (const file of [join(folder, wheel), ...locks]) {
    // The name is part of it, since it holds the wheel's version and the lock's extra.
    hash.update(`${basename(file)}\0`).update(readFileSync(file));
  }
  return {
    wheel: join(folder, wheel),
    locks,
    uvLock: join(folder, lockName("uv")),
    digest: hash.digest("hex").slice(0, 16),
  };
}

/** For options, also where a Python is named and none is made; a bundle has no list to compare with. */
export function extraProblems(extras: readonly string[]): string[] {
  const folder = shippedFolder();
  const known = knownExtras(existsSync(folder) ? readdirSync(folder) : []);
  const problem = known.length === 0 ? undefined : unknownExtras(extras, known);
  return problem === undefined ? [] : [problem];
}

function unknownExtras(extras: readonly string[], known: readonly string[]): string | undefined {
  const unknown = extras.filter((extra) => !known.includes(extra));
  if (unknown.length === 0) return undefined;
  const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(", ");
  return `there is no extra ${quoted(unknown)}; there are ${quoted(known)}`;
}

/** Every set of extras, the given one first, whose environment serves somebody who asks for these. */
export function setsWith(extras: readonly string[], folder = shippedFolder()): string[][] {
  const others = knownExtras(existsSync(folder) ? readdirSync(folder) : []).filter(
    (extra) => !extras.includes(extra),
  );
  const sets = [sorted(extras)];
  for (const extra of others) sets.push(...sets.map((set) => sorted([...set, extra])));
  return sets;
}

/** Of this package, as it is installed; undefined in a bundle. */
export function packageVersion(): string | undefined {
  const manifest = join(shippedFolder(), "..", "package.json");
  if (!isThisPackage(manifest)) return undefined;
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version?: string };
  return version;
}

function knownExtras(files: readonly string[]): string[] {
  return files
    .map((file) => /^requirements-(.+)\.lock$/.exec(file)?.[1] ?? "")
    .filter((extra) => !["", "core", "uv"].includes(extra));
}

function sorted(extras: readonly string[]): string[] {
  return [...new Set(extras)].sort();
}

function lockName(name: string): string {
  return `requirements-${name}.lock`;
}

/** `python/` of this package: beside `dist/` when installed, two floors up from here in the sources. */
function shippedFolder(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (isThisPackage(join(folder, "package.json"))) return join(folder, "python");
    if (folder === dirname(folder)) return join(import.meta.dirname, "../python");
  }
}

function isThisPackage(manifest: string): boolean {
  if (!existsSync(manifest)) return false;
  const { name } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: unknown };
  return name === "snakepit-grpc-bridge";
}

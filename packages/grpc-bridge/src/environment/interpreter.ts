import { statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runChild } from "./child-command.ts";
import { setupCommandLine, setupError } from "./setup-error.ts";

/** The oldest Python that the worker side runs on; the wheel's `requires-python` says the same. */
const oldestMinor = 11;
/** The newest that everything DSPy needs is published for. Our own worker side knows no newest. */
const newestMinor = 13;

/** Where a program that is to be a Python was named. */
export interface Naming {
  /** `SNAKEPIT_PYTHON`, `--python`, … */
  readonly by: string;
  /** What to do instead: "unset SNAKEPIT_PYTHON and run …". */
  readonly instead: string;
}

/** What is asked of a machine's Python. */
export interface InterpreterSearch {
  /** Not searched for, but named. */
  readonly python?: string;
  readonly extras?: readonly string[];
  readonly signal?: AbortSignal;
}

/** What an interpreter said of itself. */
export interface Interpreter {
  readonly executable: string;
  /** "3.12.4" */
  readonly version: string;
  readonly hasPip: boolean;
  /** It can make virtual environments that have pip; Debian keeps that in `python3-venv`. */
  readonly hasVenv: boolean;
  readonly hasBridge: boolean;
}

// The first line parses on every Python, so that one which is too old can still say so.
const question = `
import sys
print("%d.%d.%d" % sys.version_info[:3])
print(sys.executable)
if sys.version_info >= (3, 11):
    from importlib.util import find_spec
    for name in ("pip", "ensurepip", "snakepit_bridge"):
        print(find_spec(name) is not None)
`;

/**
 * Asks an interpreter for its version and what is installed in it.
 * @throws SnakepitError WORKER_START_FAILED (`not-found`) when there is none or it is too old.
 */
export async function askInterpreter(
  program: string,
  signal?: AbortSignal,
  naming?: Naming,
): Promise<Interpreter> {
  const { status, stdout, stderr, error } = await runChild(program, ["-c", question], { signal });
  const [version = "", executable = "", ...found] = stdout.trim().split("\n");
  const who = naming === undefined ? `"${program}"` : `${naming.by} names "${program}", which`;
  if (status !== 0 || !/^\d+\.\d+\.\d+$/.test(version)) {
    const why = error === undefined ? firstLine(stderr) : startFailure(program, error);
    const instead = naming === undefined ? "" : `; name another one, or ${naming.instead}`;
    throw setupError(
      "not-found",
      `${who} is not a Python that runs${why && `: ${why}`}${instead}`,
      { stderr, cause: error },
    );
  }
  if (isOlder(version, oldestMinor)) {
    const instead = naming?.instead ?? "name it with SNAKEPIT_PYTHON or `setup --python`";
    throw setupError(
      "not-found",
      `Python 3.${oldestMinor} or newer is needed, but ${who} is Python ${version}; install a newer one, or ${instead}`,
    );
  }
  const [hasPip, hasVenv, hasBridge] = found.map((answer) => answer === "True");
  return {
    executable: executable || program,
    version,
    hasPip: hasPip ?? false,
    hasVenv: hasVenv ?? false,
    hasBridge: hasBridge ?? false,
  };
}

/**
 * The machine's own Python to make an environment from: the one named, else the first on PATH from
 * 3.11 to 3.13, else a newer one if no DSPy is wanted.
 * @throws SnakepitError WORKER_START_FAILED (`not-found`)
 */
export async function findInterpreter(search: InterpreterSearch): Promise<Interpreter> {
  const { python, signal } = search;
  const extras = search.extras ?? [];
  if (python !== undefined) {
    const instead = "leave it out to have the first good one on PATH";
    const named = await askInterpreter(python, signal, { by: "--python", instead });
    if (isTooNew(named, extras)) throw tooNewError(named, extras);
    return named;
  }
  const names = ["python3", "python3.13", "python3.12", "python3.11", "python"];
  let newer: Interpreter | undefined;
  let firstProblem: unknown;
  for (const program of names.filter(isOnPath)) {
    try {
      const found = await askInterpreter(program, signal);
      if (isOlder(found.version, newestMinor + 1)) return found;
      newer ??= found;
      if (isTooNew(found, extras)) firstProblem ??= tooNewError(found, extras);
    } catch (error) {
      // Another one may be newer; when none is, the first one's problem is the one to tell.
      if (signal?.aborted) throw error;
      firstProblem ??= error;
    }
  }
  if (newer !== undefined && !isTooNew(newer, extras)) return newer;
  throw (
    firstProblem ??
    setupError(
      "not-found",
      `Python 3.${oldestMinor} or newer is needed, and there is no python3 on PATH; install it (for example \`apt install python3 python3-venv\` or \`brew install python@3.${newestMinor}\`)`,
    )
  );
}

function isTooNew({ version }: Interpreter, extras: readonly string[]): boolean {
  return extras.includes("dspy") && !isOlder(version, newestMinor + 1);
}

function tooNewError({ version }: Interpreter, extras: readonly string[]) {
  const [major, minor] = version.split(".");
  return setupError(
    "not-found",
    `Python ${major}.${minor} is newer than what DSPy's dependencies support; install 3.11, 3.12 or 3.${newestMinor}, or name one with \`${setupCommandLine(extras)} --python PATH\``,
  );
}

export function isOnPath(program: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.some((folder) => {
    const file = statSync(join(folder, program), { throwIfNoEntry: false });
    return file?.isFile() === true && (file.mode & 0o111) !== 0;
  });
}

function isOlder(version: string, thanMinor: number): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 3 || (major === 3 && minor < thanMinor);
}

function startFailure(program: string, error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "there is no such program";
  const isFolder = statSync(program, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? "it is a folder" : `it cannot be run (${error.code ?? error.message})`;
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

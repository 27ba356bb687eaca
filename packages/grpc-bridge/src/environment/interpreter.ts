import { statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runChild } from "./child-command.ts";
import { setupError } from "./setup-error.ts";

/** The oldest Python that the worker side runs on; the wheel's `requires-python` says the same. */
const oldest = [3, 11] as const;

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
export async function askInterpreter(program: string, signal?: AbortSignal): Promise<Interpreter> {
  const { status, stdout, stderr, error } = await runChild(program, ["-c", question], { signal });
  const [version = "", executable = "", ...found] = stdout.trim().split("\n");
  if (status !== 0 || !/^\d+\.\d+\.\d+$/.test(version)) {
    const why = error === undefined ? firstLine(stderr) : "there is no such program";
    throw setupError("not-found", `"${program}" is not a Python that runs${why && `: ${why}`}`, {
      stderr,
      cause: error,
    });
  }
  if (!isNewEnough(version)) {
    throw setupError(
      "not-found",
      `Python ${oldest.join(".")} or newer is needed, but "${program}" is Python ${version}; install a newer one, or name it with SNAKEPIT_PYTHON or \`setup --python\``,
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
 * The machine's own Python: the one named, else the first on PATH that is new enough.
 * @throws SnakepitError WORKER_START_FAILED (`not-found`)
 */
export async function findInterpreter(
  named: string | undefined,
  signal?: AbortSignal,
): Promise<Interpreter> {
  if (named !== undefined) return askInterpreter(named, signal);
  const names = ["python3", "python3.13", "python3.12", "python3.11", "python"];
  let firstProblem: unknown;
  for (const program of names.filter(isOnPath)) {
    try {
      return await askInterpreter(program, signal);
    } catch (error) {
      // Another one may be newer; when none is, the first one's problem is the one to tell.
      if (signal?.aborted) throw error;
      firstProblem ??= error;
    }
  }
  throw (
    firstProblem ??
    setupError(
      "not-found",
      `Python ${oldest.join(".")} or newer is needed, and there is no python3 on PATH; install it (for example \`apt install python3 python3-venv\` or \`brew install python\`)`,
    )
  );
}

export function isOnPath(program: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.some((folder) => {
    const file = statSync(join(folder, program), { throwIfNoEntry: false });
    return file?.isFile() === true && (file.mode & 0o111) !== 0;
  });
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

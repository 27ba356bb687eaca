import { askInterpreter } from "./interpreter.ts";
import { type EnvironmentOptions, ensureEnvironment } from "./managed-environment.ts";
import { setupCommandLine, setupError } from "./setup-error.ts";

export interface PythonOptions extends EnvironmentOptions {
  /**
   * A Python with `snakepit_bridge` installed, used as it is. Default: `SNAKEPIT_PYTHON`, else the
   * environment that `setup` makes.
   */
  readonly executable?: string;
}

export interface ResolvedPython {
  readonly executable: string;
  /** Who chose it. */
  readonly source: "executable" | "SNAKEPIT_PYTHON" | "managed";
}

/**
 * The Python that workers run on.
 * @throws SnakepitError WORKER_START_FAILED: `not-found` when the chosen one does not run or is too
 *   old, `adapter-open` when it lacks our worker side or the environment is missing.
 */
export async function resolvePython(options: PythonOptions = {}): Promise<ResolvedPython> {
  if (options.executable !== undefined) {
    return checked(options.executable, "executable", options);
  }
  const named = process.env["SNAKEPIT_PYTHON"];
  if (named) return checked(named, "SNAKEPIT_PYTHON", options);
  return { executable: (await ensureEnvironment(options)).executable, source: "managed" };
}

// Asked once per process: 15 ms each time would be felt by a program that opens many bridges.
const answers = new Map<string, Promise<void>>();

async function checked(
  executable: string,
  source: "executable" | "SNAKEPIT_PYTHON",
  options: PythonOptions,
): Promise<ResolvedPython> {
  const answer = answers.get(executable) ?? hasBridge(executable, source, options);
  answers.set(executable, answer);
  try {
    await answer;
  } catch (error) {
    // Not kept: it may be installed a moment later.
    answers.delete(executable);
    throw error;
  }
  return { executable, source };
}

async function hasBridge(
  executable: string,
  source: "executable" | "SNAKEPIT_PYTHON",
  options: PythonOptions,
): Promise<void> {
  const command = setupCommandLine(options.extras ?? []);
  // While a Python is named, what `setup` makes is not used.
  const naming =
    source === "SNAKEPIT_PYTHON"
      ? { by: source, instead: `unset SNAKEPIT_PYTHON and run \`${command}\`` }
      : { by: "`executable`", instead: `leave \`executable\` out and run \`${command}\`` };
  const interpreter = await askInterpreter(executable, options.signal, naming);
  if (interpreter.hasBridge) return;
  throw setupError(
    "adapter-open",
    `${naming.by} names "${executable}", in which snakepit_bridge is not installed; install the wheel that lies in snakepit-grpc-bridge/python there, or ${naming.instead}`,
  );
}

import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { root, run, workspaceEnvironment } from "./workspace.ts";

/** Of what a failed task printed, so many lines are shown once more at the end. */
const mostLines = 30;

/** What became of one task of one member. */
export interface TaskResult {
  /** "snakepit#test" */
  readonly id: string;
  readonly task: string;
  /** The member's folder, relative to the root. */
  readonly directory: string;
  readonly passed: boolean;
  /** Where turbo kept its output; empty for tasks that are not cached. */
  readonly log: string;
  /** The end of what it printed, where that was not a terminal. */
  readonly lastLines: readonly string[];
}

interface TurboRun {
  readonly status: number;
  readonly tasks: readonly TaskResult[];
}

/**
 * Runs tasks, showing their output, and reads turbo's own summary of what became of each. Tasks
 * that need a failed one are not run, and not listed.
 */
export async function runTurbo(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<TurboRun> {
  const summaries = join(root, ".turbo/runs");
  rmSync(summaries, { recursive: true, force: true });
  const options = ["--continue=dependencies-successful", "--output-logs=new-only", "--summarize"];
  let output = "";
  const status = await run("turbo", ["run", ...args, ...options], {
    env: { ...turboEnvironment(), ...env },
    heard: (text) => {
      output += text;
    },
  });
  const [summary] = globSync(join(summaries, "*.json"));
  if (summary === undefined) return { status, tasks: [] };
  const { tasks } = JSON.parse(readFileSync(summary, "utf8")) as { tasks: SummarizedTask[] };
  const lines = output.split("\n");
  return { status, tasks: tasks.filter(isReal).map((task) => toResult(task, lines)) };
}

/**
 * With the versions that turbo itself does not see, so that nothing which passed on one Python or
 * Node comes out of the cache for another: the Python that the tests will run on, this Node, and
 * the machine's own, on which the packed packages are tried. Neither does it see the languages of
 * `examples/`, whose tests are skipped without them.
 */
export function turboEnvironment(): NodeJS.ProcessEnv {
  const env = workspaceEnvironment();
  const basePython = env["PYTHON"] ?? "python3";
  // Setting up keeps an environment that works, whatever PYTHON says by now.
  const python = versionOf(env["SNAKEPIT_PYTHON"] ?? basePython) ?? versionOf(basePython);
  const machinePath = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => !folder.includes("node_modules"));
  const node = versionOf("node", { ...env, PATH: machinePath.join(delimiter) });
  return {
    ...env,
    SNAKEPIT_PYTHON_VERSION: python ?? "none",
    SNAKEPIT_NODE_VERSIONS: `${process.version} ${node ?? "none"}`,
    SNAKEPIT_LANGUAGES: [versionOf("ruby"), versionOf("Rscript"), versionOf("go", env, "version")]
      .map((version) => version ?? "none")
      .join("; "),
  };
}

/** What the program answers when it is asked; undefined where it does not run. */
function versionOf(
  program: string,
  env?: NodeJS.ProcessEnv,
  question = "--version",
): string | undefined {
  const { status, stdout } = spawnSync(program, [question], { env, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** As in turbo's summary file; only what we read. */
interface SummarizedTask {
  readonly taskId: string;
  readonly task: string;
  readonly directory: string;
  readonly command: string;
  readonly logFile?: string;
  readonly execution?: { readonly exitCode?: number | null };
}

/** Turbo also lists a task for each member that has no such script. */
function isReal({ command }: SummarizedTask): boolean {
  return command !== "<NONEXISTENT>";
}

function toResult(
  { taskId, task, directory, logFile = "", execution }: SummarizedTask,
  lines: readonly string[],
): TaskResult {
  const log = existsSync(join(root, logFile)) ? logFile : "";
  const passed = execution?.exitCode === 0;
  // As turbo begins each line: "snakepit:test: ".
  const beginning = `${taskId.replace("#", ":")}: `;
  const lastLines = passed
    ? []
    : lines
        .filter((line) => line.startsWith(beginning))
        .slice(-mostLines)
        .map((line) => line.slice(beginning.length));
  return { id: taskId, task, directory, passed, log, lastLines };
}

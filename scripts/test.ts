/**
 * `./run test`: lint, types, unit tests, packages and end-to-end tests of both languages. The last
 * line counts every test, and every other check as one test. `--coverage` measures the tests'
 * coverage; all other arguments go to turbo (`--force` runs also what is cached).
 */
import { existsSync, globSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readCoverage } from "./coverage.ts";
import { readReport } from "./junit.ts";
import { described, type Problem } from "./problems.ts";
import { runTurbo, type TaskResult } from "./turbo.ts";
import { root, runMain, wasInterrupted } from "./workspace.ts";

const checks = ["biome", "knip", "lint", "breaking", "typecheck", "pack:check"];
const endToEnd = "@snakepit/test-e2e";

await runMain(async (args) => {
  const withCoverage = args.includes("--coverage");
  const turboArgs = args.filter((arg) => arg !== "--coverage");
  const env: Record<string, string> = withCoverage ? { SNAKEPIT_COVERAGE: "1" } : {};
  // A report that is there afterwards was written by this run, or brought back from turbo's cache.
  for (const stale of globSync("{*,packages/*,apps/*}/reports", { cwd: root })) {
    rmSync(join(root, stale), { recursive: true, force: true });
  }

  // The end-to-end tests come last and alone, so that nothing else takes their processors.
  const first = await runTurbo([...checks, "test", `--filter=!${endToEnd}`, ...turboArgs], env);
  if (wasInterrupted(first.status)) return first.status;
  const checksOfLast = ["lint", "typecheck", "test", `--filter=${endToEnd}`, "--concurrency=1"];
  const second = await runTurbo([...checksOfLast, ...turboArgs], env);
  if (wasInterrupted(second.status)) return second.status;

  const total = { passed: 0, failed: 0, skipped: 0 };
  const problems: Problem[] = [];
  const tasks = unique([...first.tasks, ...second.tasks]);
  for (const task of tasks) {
    const count = countTask(task);
    total.passed += count.passed;
    total.skipped += count.skipped;
    total.failed += count.problems.length;
    problems.push(...count.problems);
  }
  if (problems.length === 0 && (first.status !== 0 || second.status !== 0)) {
    problems.push({ title: "turbo itself failed; see above", text: "" });
    total.failed += 1;
  }
  if (withCoverage) console.log(`\n${readCoverage()}`);
  if (problems.length > 0) console.log(described(problems));
  if (tasks.some(({ task, passed }) => ["setup", "generate", "build"].includes(task) && !passed)) {
    console.log("\nWhat needs the failed steps was not run.");
  }
  if (total.skipped > 0) console.log(`\n${total.skipped} skipped; each says above why`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 ? 1 : 0;
});

interface Count {
  readonly passed: number;
  readonly skipped: number;
  readonly problems: readonly Problem[];
}

/** What one task adds to the sum. Building counts only when it fails. */
function countTask(task: TaskResult): Count {
  if (task.task === "test") return countTests(task);
  const problems = task.passed ? [] : [asProblem(task)];
  return { passed: task.passed && checks.includes(task.task) ? 1 : 0, skipped: 0, problems };
}

function asProblem({ id, log, lastLines }: TaskResult): Problem {
  return { title: `${id} (${log || "see above"})`, text: lastLines.join("\n") };
}

function countTests(task: TaskResult): Count {
  const file = join(root, task.directory, "reports/junit.xml");
  if (!existsSync(file)) {
    const { title, text } = asProblem(task);
    return { passed: 0, skipped: 0, problems: [{ title: `no report from ${title}`, text }] };
  }
  const { passed, skipped, failures } = readReport(file);
  const problems = failures.map(({ title, text }) => ({ title: `${task.id}: ${title}`, text }));
  // For example an error after the last test, or a file that does not parse.
  if (!task.passed && problems.length === 0) problems.push(asProblem(task));
  return { passed, skipped, problems };
}

/** Both runs list what both need; what failed in one of them failed. */
function unique(tasks: readonly TaskResult[]): TaskResult[] {
  const byId = new Map<string, TaskResult>();
  for (const task of tasks) if (byId.get(task.id)?.passed !== false) byId.set(task.id, task);
  return [...byId.values()];
}

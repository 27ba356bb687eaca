/**
 * Holds the messages against those of an earlier commit: the branch point from `main`, or on `main`
 * itself the commit before. `SNAKEPIT_PROTO_BASE` names another one, such as the last release.
 */
import { spawnSync } from "node:child_process";

const base = process.env["SNAKEPIT_PROTO_BASE"] ?? findBase();
if (base === undefined) {
  console.log("breaking changes: no earlier commit to compare with");
} else {
  const against = `../.git#ref=${base},subdir=proto`;
  const { status } = spawnSync("buf", ["breaking", "--against", against], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}

/** Undefined where there is no history: an archive, or a clone of one commit. */
function findBase(): string | undefined {
  const head = commit("rev-parse", "--verify", "HEAD");
  const branchPoint =
    commit("merge-base", "HEAD", "origin/main") ?? commit("merge-base", "HEAD", "main");
  const candidate =
    branchPoint === head ? commit("rev-parse", "--verify", "HEAD~1") : (branchPoint ?? head);
  // A commit from before there were any messages has nothing to break.
  return candidate !== undefined && commit("rev-parse", "--verify", `${candidate}:proto/buf.yaml`)
    ? candidate
    : undefined;
}

function commit(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

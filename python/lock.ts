/**
 * Writes the lock files: `requirements.lock` for development, and one `requirements-<extra>.lock`
 * per extra for the published package, whose environment manager installs from them. All agree on
 * every version, because the small ones are resolved within the large one. They hold names,
 * versions and hashes, and no index address.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";

const common = [
  "--universal",
  "--generate-hashes",
  "--no-emit-index-url",
  "--no-emit-find-links",
  "--no-annotate",
  "--quiet",
  "--custom-compile-command",
  "pnpm --filter @snakepit/python lock",
];

// `--keep` leaves the versions as they are, for a change of what is required alone.
const upgrade = process.argv.includes("--keep") ? [] : ["--upgrade"];
compile("requirements.lock", "--all-extras", "--group", "dev", ...upgrade);
const published = { core: [], dspy: ["--extra", "dspy"], grpc: ["--extra", "grpc"] };
for (const [extra, options] of Object.entries(published)) {
  compile(
    `requirements-${extra}.lock`,
    ...options,
    "--upgrade",
    "--constraint",
    "requirements.lock",
  );
}

function compile(output: string, ...options: string[]): void {
  const args = ["pip", "compile", "pyproject.toml", ...common, ...options, "--output-file", output];
  const { status } = spawnSync("uv", args, { cwd: import.meta.dirname, stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

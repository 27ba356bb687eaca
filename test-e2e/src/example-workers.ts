import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";

const folder = join(import.meta.dirname, "../../examples/workers");

/** One of `examples/workers/`, and how it is started on this machine. */
export interface ExampleWorker {
  readonly language: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What the machine lacks for it, and how it is mended; undefined when it can run. */
  readonly missing: string | undefined;
  /** To be called once, before it is started. */
  prepare?(): void;
}

/** What has to be compiled lands in `buildFolder`. */
export function exampleWorkers(buildFolder: string): readonly ExampleWorker[] {
  const goWorker = join(buildFolder, "worker");
  return [
    { language: "Node", program: process.execPath, args: [file("worker.mjs")], missing: undefined },
    {
      language: "Ruby",
      program: "ruby",
      args: [file("worker.rb")],
      missing: runs("ruby", ["-e", 'require "json"'])
        ? undefined
        : "no ruby on PATH; apt install ruby",
    },
    {
      language: "R",
      program: "sh",
      args: [file("worker-r.sh")],
      missing: runs("Rscript", ["-e", "library(jsonlite)"])
        ? undefined
        : "no Rscript with jsonlite on PATH; apt install r-base-core r-cran-jsonlite",
    },
    {
      language: "Go",
      program: goWorker,
      args: [],
      missing: runs("go", ["version"]) ? undefined : "no go on PATH; apt install golang-go",
      prepare: () => build(goWorker),
    },
  ];
}

function file(name: string): string {
  return join(folder, name);
}

function runs(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

/** Standard library only, so that it needs no module and no network. */
function build(target: string): void {
  const env = { ...process.env, GO111MODULE: "off", GOFLAGS: "", CGO_ENABLED: "0" };
  const { status, stderr } = spawnSync("go", ["build", "-o", target, file("worker.go")], {
    env,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`go build failed:\n${stderr}`);
}

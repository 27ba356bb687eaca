import { createRequire } from "node:module";
import { Command, InvalidArgumentError } from "commander";
import type { CommandOptions } from "./command.ts";
import { dump } from "./dump.ts";
import { exitCodes } from "./failure.ts";
import { orphans } from "./orphans.ts";
import { outputFor } from "./output.ts";
import { recycle } from "./recycle.ts";
import { sessions } from "./sessions.ts";
import { status } from "./status.ts";
import { top } from "./top.ts";
import { trace } from "./trace.ts";
import { workers } from "./workers.ts";

const footer = `
Without --pid and --app, all running applications are meant. A worker is named by its id, or by its
pid where several applications have one of that id.

Exit codes: ${exitCodes.done} done; ${exitCodes.failed} failed; ${exitCodes.usage} wrong command line; \
${exitCodes.nothing} no such application or worker; ${exitCodes.gone} it has ended, or does not answer.`;

/** As they stand on the command line. */
interface Flags {
  readonly json?: boolean;
  readonly pid?: number;
  readonly app?: string;
  readonly values?: boolean;
  readonly sweep?: boolean;
  readonly force?: boolean;
  readonly end?: boolean;
  readonly directory?: string;
}

/** The command `snakepit`: which words there are, and what each of them does. */
export function commandLine(): Command {
  const program = new Command("snakepit")
    .description("Looks at running applications that have pools of snakepit, and into them.")
    .version(version())
    .addHelpText("after", footer)
    .configureOutput({ outputError: (text, write) => write(sentence(text)) })
    .exitOverride();
  addLooks(program);
  addWorkerCommands(program);
  addOrphans(program);
  return program;
}

function addLooks(program: Command): void {
  attaching(program, "status", "applications, their pools, and what they do now").action(
    (flags: Flags) => status(meant(flags)),
  );
  attaching(program, "top", "the same with all workers, anew each second; q leaves").action(
    (flags: Flags) => top(meant(flags)),
  );
  attaching(program, "workers", "every worker of every pool").action((flags: Flags) =>
    workers(meant(flags)),
  );
  attaching(program, "sessions", "the sessions of every pool")
    .option("--sweep", "remove first what has expired")
    .option("--values", "with the values of their metadata")
    .action(({ sweep = false, values = false, ...flags }: Flags) =>
      sessions({ ...meant(flags), sweep, values }),
    );
  attaching(program, "dump", "everything as one JSON document, for a report")
    .option("--values", "with the values of the sessions' metadata")
    .action(({ values = false, ...flags }: Flags) => dump({ ...meant(flags), values }));
}

function addWorkerCommands(program: Command): void {
  attaching(program, "recycle <worker>", "replace a worker, its replacement first")
    .option("--force", "also when a session keeps something there, which is then lost")
    .action((worker: string, { force = false, ...flags }: Flags) =>
      recycle({ ...meant(flags), worker, force }),
    );
  attaching(program, "trace <worker>", "the frames between host and worker as they pass")
    .option("--values", "with what they carry, cut, and without what is named like a secret")
    .action((worker: string, { values = false, ...flags }: Flags) =>
      trace({ ...meant(flags), worker, values }),
    );
}

function addOrphans(program: Command): void {
  program
    .command("orphans")
    .description("processes that hosts which died have left behind")
    .option("--end", "end them")
    .option("--directory <path>", "the stateDirectory of their launcher")
    .option("--json", "for programs")
    .action(({ end = false, json = false, directory }: Flags) =>
      orphans({
        output: outputFor(process.stdout, json),
        end,
        ...(directory === undefined ? {} : { directory }),
      }),
    );
}

/** A command that attaches to running applications. */
function attaching(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--pid <pid>", "only the application with this pid", toPid)
    .option("--app <name>", "only those of this script, such as server.mjs")
    .option("--json", "for programs");
}

function meant({ json = false, pid, app }: Flags): CommandOptions {
  return {
    output: outputFor(process.stdout, json),
    ...(pid === undefined ? {} : { pid }),
    ...(app === undefined ? {} : { app }),
  };
}

function toPid(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("a pid is a number above 0.");
}

/** Commander says it in two lines. */
function sentence(text: string): string {
  const one = text
    .trim()
    .replace(/^error: /, "")
    .replace(/\s*\n\(Did you mean (.*)\?\)/, "; did you mean $1?");
  return `snakepit: ${one}\n`;
}

function version(): string {
  // By its name: where this file lies differs between the source and what is published.
  const require = createRequire(import.meta.url);
  const { version: text } = require("snakepit/package.json") as { readonly version: string };
  return text;
}

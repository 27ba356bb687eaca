import { parseArgs } from "node:util";
import { SnakepitError } from "snakepit";
import { type MakeOptions, setUp } from "./managed-environment.ts";
import { printProgress } from "./progress.ts";
import { inWordsOf } from "./setup-error.ts";
import { packageVersion } from "./shipped.ts";

export interface SetupCommand {
  /** The extras that this program always needs; `--extra` adds to them. */
  readonly extras: readonly string[];
  /** What follows the program's name: `process.argv.slice(2)`. */
  readonly args: readonly string[];
  /** As people type it. Default: `npx snakepit-bridge`. */
  readonly program?: string;
}

/**
 * The whole of both command lines: `setup [--extra NAME] [--force] [--python PATH]`.
 * Answers the exit code; says on standard error what went wrong.
 */
export async function runSetup(command: SetupCommand): Promise<number> {
  const program = command.program ?? "npx snakepit-bridge";
  const parsed = parse(command);
  if (parsed.kind === "help") {
    console.log(usage(program));
    return 0;
  }
  if (parsed.kind === "version") {
    console.log(packageVersion() ?? "unknown");
    return 0;
  }
  if (parsed.kind === "wrong") {
    console.error(`${parsed.why}\n\n${usage(program)}`);
    return 1;
  }
  const abort = new AbortController();
  const interrupt = () => abort.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    const environment = await setUp({ ...parsed.options, signal: abort.signal });
    const versions = Object.entries(environment.versions);
    console.log(`environment  ${environment.folder}`);
    console.log(
      `versions     ${versions.map(([name, version]) => `${name} ${version}`).join(", ")}`,
    );
    if (process.env["SNAKEPIT_PYTHON"]) {
      console.error("SNAKEPIT_PYTHON is set: programs use the Python that it names, not this one");
    }
    return 0;
  } catch (error) {
    if (abort.signal.aborted) return 130;
    if (!SnakepitError.is(error)) throw error;
    console.error(inWordsOf(program, command.extras, error));
    return 1;
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

type Parsed =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "wrong"; readonly why: string }
  | { readonly kind: "setup"; readonly options: MakeOptions };

function parse({ args, extras }: SetupCommand): Parsed {
  let parsed: ReturnType<typeof parseSetup>;
  try {
    parsed = parseSetup(args);
  } catch (error) {
    return { kind: "wrong", why: unknownOption(args) ?? (error as Error).message };
  }
  const { values, positionals } = parsed;
  const [name, ...more] = positionals;
  if (values.help || name === "help") return { kind: "help" };
  if (values.version) return { kind: "version" };
  if (name === undefined)
    return { kind: "wrong", why: "There is no command; did you mean `setup`?" };
  if (name !== "setup") return { kind: "wrong", why: `There is no command "${name}".` };
  if (more.length > 0) return { kind: "wrong", why: `\`setup\` takes no "${more.join(" ")}".` };
  const options = {
    extras: [...extras, ...(values.extra ?? [])],
    // Whoever names a Python wants an environment of that one.
    force: values.force === true || values.python !== undefined,
    onProgress: printProgress,
    ...(values.python === undefined ? {} : { python: values.python }),
  };
  return { kind: "setup", options };
}

const optionTypes = {
  extra: { type: "string", multiple: true },
  force: { type: "boolean" },
  python: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

function parseSetup(args: readonly string[]) {
  return parseArgs({ args: [...args], allowPositionals: true, options: optionTypes });
}

/** The first `--name` that there is not, with the one that its beginning looks like. */
function unknownOption(args: readonly string[]): string | undefined {
  const known = Object.keys(optionTypes);
  const names = args.flatMap((arg) => /^--([^=]+)/.exec(arg)?.[1] ?? []);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  const near = known.find((name) => name.slice(0, 3) === unknown.slice(0, 3));
  const hint = near === undefined ? "" : `; did you mean --${near}?`;
  return `There is no option --${unknown}${hint || "."}`;
}

function usage(program: string): string {
  return `Usage: ${program} setup [--extra NAME]… [--force] [--python PATH]

Makes the Python environment that workers run in, once per machine and user,
in \${XDG_CACHE_HOME:-~/.cache}/snakepit-bridge. It needs Python 3.11, 3.12 or 3.13.

  --extra NAME   also install this part: dspy, grpc
  --force        make it anew although it is there
  --python PATH  make it anew, from this Python instead of the first on PATH
  --version      print the version of this package
  -h, --help     this text`;
}

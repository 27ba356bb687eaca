import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Adapter } from "../adapter.ts";
import { checkKnownKeys, show } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import { processAdapter, type WorkerOptions, workerOptionKeys } from "./process-adapter.ts";
import { type ProtocolOptions, protocolKinds } from "./protocols.ts";

export interface NodeAdapterOptions extends WorkerOptions, Partial<ProtocolOptions> {
  /** The file to run; a `file:` URL, such as `new URL("worker.js", import.meta.url)`, too. */
  readonly script: string | URL;
}

/** What decides how a script runs, and is no secret. */
const inherited = ["NODE_ENV", "NODE_PATH"];

/**
 * Workers that are Node scripts, run by the same Node as the host. `serveJsonLines` makes one in
 * five lines. Default protocol: JSON lines.
 * @throws SnakepitError INVALID_OPTIONS
 */
export function nodeAdapter(options: NodeAdapterOptions): Adapter {
  const { script, args = [], env = {}, protocol = "json-lines", ...rest } = options ?? {};
  const problems = checkKnownKeys("nodeAdapter", options, [
    "script",
    ...Object.keys(protocolKinds),
    ...workerOptionKeys,
  ]);
  const path = scriptPath(script);
  if (path === undefined) {
    problems.push(`script must be a path or a file: URL, not ${show(script)}`);
  }
  if (problems.length > 0 || path === undefined) {
    throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  }
  const file = resolve(rest.cwd ?? "", path);
  const adapter = processAdapter({
    ...rest,
    protocol,
    program: process.execPath,
    args: [file, ...args],
    env,
  });
  return {
    ...adapter,
    name: basename(file),
    spec() {
      if (!existsSync(file)) throw missing(file);
      return { ...adapter.spec(), env: { ...inheritedNow(), ...env } };
    },
  };
}

function scriptPath(script: unknown): string | undefined {
  if (script instanceof URL) return script.protocol === "file:" ? fileURLToPath(script) : undefined;
  return typeof script === "string" && script !== "" ? script : undefined;
}

function inheritedNow(): Record<string, string> {
  const found = inherited.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(found);
}

function missing(file: string): SnakepitError<"WORKER_START_FAILED"> {
  return new SnakepitError("WORKER_START_FAILED", `there is no script ${file}`, {
    outcome: "not-started",
    details: { reason: "not-found", stderr: "" },
  });
}

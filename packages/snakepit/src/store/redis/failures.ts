import { type Outcome, SnakepitError } from "../../errors.ts";
import { unavailable } from "../refusals.ts";

/** Words with which the server refuses a command before it does any of it. */
const refusals =
  /^(NOSCRIPT|OOM|READONLY|MISCONF|LOADING|BUSY|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|CLUSTERDOWN|MOVED|NOREPLICAS)/;

/**
 * What callers get to see. Errors of the client carry the command that failed with its arguments,
 * which for AUTH are the password: of the cause only its words are kept.
 */
export function explained(error: unknown, outcome: Outcome): SnakepitError<string> {
  if (SnakepitError.is(error)) return error;
  const words = error instanceof Error ? error.message : String(error);
  const isAnswer = error instanceof Error && error.name === "ReplyError";
  const problem = isAnswer ? "Redis refuses it" : "the connection to Redis was lost";
  const isRefused = isAnswer && refusals.test(words);
  return failure(problem, words, isRefused ? "not-started" : outcome);
}

export function notConnected(reason: string): SnakepitError<string> {
  return failure("cannot connect to Redis", reason, "not-started");
}

function failure(problem: string, words: string, outcome: Outcome): SnakepitError<string> {
  const cause = new Error(words);
  cause.stack = "";
  return unavailable("redis", `${problem}: ${words}${adviceFor(words)}`, { cause, outcome });
}

export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

function adviceFor(words: string): string {
  if (/^(WRONGPASS|NOAUTH|NOPERM|ERR invalid password)/.test(words)) {
    return "; check the user and the password of the url";
  }
  if (words.startsWith("OOM")) return "; raise maxmemory of the server, or delete something";
  if (words.startsWith("READONLY")) return "; connect to the primary, this one is a replica";
  if (words.startsWith("MOVED")) return "; in a cluster, connect to the node that it names";
  return "";
}

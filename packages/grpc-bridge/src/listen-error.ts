import { setupError } from "./environment/index.ts";
import type { ResolvedListen } from "./listen-options.ts";

const fixes: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "another program listens there; end it, give listen.port another number, or leave it out for one that is free",
  EACCES: "this user may not; give listen.port a number from 1024 up",
  EADDRNOTAVAIL: "this machine has no such address; give listen.host one of its own, or 0.0.0.0",
  ENOTFOUND: "nobody knows this name; give listen.host a name or an address of this machine",
};

/** Why nobody can dial in where `listen` says, and which option to change. */
export function listenError(error: unknown, { host, port }: ResolvedListen): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const fix = fixes[code];
  if (fix === undefined) return error;
  const where = `listen.host ${host} and listen.port ${port}`;
  return setupError("adapter-open", `cannot listen at ${where} (${code}): ${fix}`, {
    cause: error,
  });
}

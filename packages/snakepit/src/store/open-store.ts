import { checkKnownKeys, show, withDefaults } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import { limitDefaults, limitNames, limitProblems } from "./limits.ts";
import { memoryStore } from "./memory-store.ts";
import type { Store, StoreLimits } from "./store.ts";

const known = "memory:, sqlite:path/to/file.db, redis://host:6379, rediss://host:6379";

/**
 * The store that a URL names, as it may stand in a configuration: `memory:`, `sqlite:data/app.db`,
 * `redis://user:password@host:6379/0`, `rediss://…` for TLS. For more than the limits, use
 * `sqliteStore` and `redisStore`, which are loaded only when they are needed.
 * @throws SnakepitError INVALID_OPTIONS, UNSUPPORTED, STORE_UNAVAILABLE; no message shows a password
 */
export async function openStore(url: string, limits: Partial<StoreLimits> = {}): Promise<Store> {
  const scheme = typeof url === "string" ? /^([a-z][a-z0-9+.-]*):/.exec(url)?.[1] : undefined;
  const problems = [
    ...checkKnownKeys("openStore", limits, limitNames),
    ...limitProblems(withDefaults(limitDefaults, limits ?? {})),
    ...urlProblems(url, scheme),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  if (scheme === "memory") return memoryStore(limits);
  if (scheme === "sqlite") {
    const { sqliteStore } = await import("./sqlite/index.ts");
    return await sqliteStore({ path: sqlitePath(url), ...limits });
  }
  const { redisStore } = await import("./redis/index.ts");
  return await redisStore({ url, ...limits });
}

/** What follows the scheme may be a password: no problem repeats it. */
function urlProblems(url: unknown, scheme: string | undefined): string[] {
  if (typeof url !== "string") return [`the url of a store must be a string, not ${show(url)}`];
  switch (scheme) {
    case "memory":
      return url === "memory:" ? [] : ['the memory store is just "memory:"'];
    case "sqlite":
      return sqliteProblems(url);
    case "redis":
    case "rediss":
      return redisProblems(url);
    default: {
      const given =
        scheme === undefined ? "the one given has no scheme" : `not ${show(`${scheme}:`)}`;
      return [`the url of a store is one of ${known}; ${given}`];
    }
  }
}

function sqliteProblems(url: string): string[] {
  if (/^sqlite:\/\/[^/]/.test(url) || sqlitePath(url) === "")
    return [
      "the url of a SQLite store is sqlite: and a path, like sqlite:data/app.db, or sqlite:///var/app.db from the root",
    ];
  if (!url.includes("?")) return [];
  return ["the url of a SQLite store has no options (?…); for more than a path use sqliteStore()"];
}

/** A part that nobody reads would lead to another server or database than was meant. */
function redisProblems(url: string): string[] {
  const form = "redis://user:password@host:6379/0";
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url))
    return [`the url of a Redis store is like ${form}; the one given cannot be read`];
  const { hostname, pathname, search } = new URL(url);
  const isNumber = /^\/?\d*$/.test(pathname);
  if (hostname !== "" && isNumber && search === "") return [];
  return [
    `the url of a Redis store is like ${form}: a host, at most the number of a database, and no options; for a socket or more use redisStore({ client })`,
  ];
}

/** `sqlite:///var/app.db` is `/var/app.db`, as in other programs that name databases by URLs. */
function sqlitePath(url: string): string {
  return url.slice("sqlite:".length).replace(/^\/\/(?=\/)/, "");
}

import type { Redis } from "ioredis";
import { checkIntegers, checkKnownKeys, show, withDefaults } from "../../check-options.ts";
import { SnakepitError } from "../../errors.ts";
import { limitDefaults, limitNames, limitProblems } from "../limits.ts";
import type { StoreLimits } from "../store.ts";

export interface RedisStoreOptions extends Partial<StoreLimits> {
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url?: string;
  /**
   * In place of `url`, a client of yours, for options that no URL can carry (sentinels, sockets,
   * certificates). The store makes connections of its own with the same options; yours is not used.
   */
  readonly client?: Redis;
  /** Stores of different prefixes know nothing of each other. Default: `snakepit`. */
  readonly prefix?: string;
  /** How long the server may take for an answer; then STORE_UNAVAILABLE. Default: 2,000. */
  readonly timeoutMs?: number;
}

export interface ResolvedRedisOptions {
  readonly url: string | undefined;
  readonly client: Redis | undefined;
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly limits: StoreLimits;
}

const prefixPattern = /^[A-Za-z0-9._:-]{1,100}$/;

/** @throws SnakepitError INVALID_OPTIONS */
export function resolveRedisOptions(input: RedisStoreOptions): ResolvedRedisOptions {
  const given = input ?? ({} as RedisStoreOptions);
  const limits = withDefaults(limitDefaults, given);
  const { prefix, timeoutMs } = withDefaults({ prefix: "snakepit", timeoutMs: 2_000 }, given);
  const names = ["url", "client", "prefix", "timeoutMs", ...limitNames];
  const problems = [
    ...checkKnownKeys("redisStore", input, names),
    ...placeProblems(given),
    ...(typeof prefix === "string" && prefixPattern.test(prefix)
      ? []
      : [`prefix must be 1 to 100 of A-Z a-z 0-9 . _ : -, not ${show(prefix)}`]),
    ...checkIntegers({ timeoutMs }, { timeoutMs: { min: 1, orInfinity: false } }),
    ...limitProblems(limits),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  return { url: given.url, client: given.client, prefix, timeoutMs, limits };
}

/** A URL may hold a password, so that no message shows more of it than its scheme. */
function placeProblems({ url, client }: RedisStoreOptions): string[] {
  if ((url === undefined) === (client === undefined)) return ["give either url or client"];
  if (client !== undefined) {
    const isClient = typeof (client as { duplicate?: unknown } | null)?.duplicate === "function";
    return isClient ? [] : [`client must be a Redis client of ioredis, not ${show(client)}`];
  }
  if (typeof url !== "string" || !URL.canParse(url)) {
    return ["url must be like redis://host:6379; the one given cannot be read"];
  }
  const { protocol } = new URL(url);
  if (protocol === "redis:" || protocol === "rediss:") return [];
  return [`url must begin with redis:// or rediss://, not ${show(protocol)}`];
}

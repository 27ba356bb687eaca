import type { Redis, RedisOptions } from "ioredis";
import { SnakepitError } from "../../errors.ts";
import type { ResolvedRedisOptions } from "./options.ts";

type Library = Pick<typeof import("ioredis"), "Redis">;

/** Makes a client for one connection, which is not made again when it is lost. */
export type MakeClient = () => Redis;

/** @throws SnakepitError UNSUPPORTED when the library is not installed */
export async function clientMaker(
  { url, client, timeoutMs }: ResolvedRedisOptions,
  load: () => Promise<Library> = () => import("ioredis"),
): Promise<MakeClient> {
  const options = {
    lazyConnect: true,
    protocol: 2,
    connectTimeout: timeoutMs,
    // A command that was sent is never sent again by itself: it may have been done already.
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    autoResubscribe: false,
    // Names are complete as they are: those that scripts make could not get a prefix.
    keyPrefix: "",
  } satisfies RedisOptions;
  if (client !== undefined) return () => client.duplicate(options);
  const { Redis } = await loadLibrary(load);
  return () => new Redis(url ?? "", options);
}

async function loadLibrary(load: () => Promise<Library>): Promise<Library> {
  try {
    return await load();
  } catch (cause) {
    throw new SnakepitError(
      "UNSUPPORTED",
      "the Redis store needs the package ioredis, which could not be loaded; " +
        'install it (npm install ioredis), or use "memory:" (memoryStore()) or "sqlite:…" (sqliteStore())',
      { cause, outcome: "not-started" },
    );
  }
}

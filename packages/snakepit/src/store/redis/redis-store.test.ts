import { afterAll, beforeAll, describe, test } from "vitest";
import { lacksRedis, type RedisServer, startRedis } from "../../fixtures/redis-server.ts";
import { storeContract } from "../../testing/index.ts";
import { redisStore } from "./index.ts";

describe.skipIf(lacksRedis("the Redis store"))("the Redis store keeps the contract", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const open = (prefix: string, limits: object) =>
    redisStore({ client: server.client, prefix, ...limits });
  for (const { name, run } of storeContract({ open, isShared: true })) test(name, run, 60_000);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { temporaryFolder } from "./temporary-folder.ts";

export interface RedisProcess extends Disposable {
  /** One that is not connected yet. */
  client(): Redis;
}

/** A server of our own on a socket in a folder of its own, which keeps nothing on disk. */
export async function startRedis(): Promise<RedisProcess> {
  const folder = temporaryFolder();
  const path = folder.file("redis.sock");
  const args = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"];
  const server = spawn("redis-server", args, { stdio: "ignore" });
  const failed = once(server, "error").then(([error]) => {
    folder[Symbol.dispose]();
    throw new Error("there is no redis-server on PATH", { cause: error });
  });
  await Promise.race([failed, answers(path)]);
  failed.catch(() => {});
  return {
    client: () => new Redis({ path, lazyConnect: true }),
    [Symbol.dispose]() {
      server.kill("SIGKILL");
      folder[Symbol.dispose]();
    },
  };
}

async function answers(path: string): Promise<void> {
  const client = new Redis({ path, retryStrategy: () => 20 });
  client.on("error", () => {}); // it does not listen yet
  try {
    await Promise.race([client.ping(), delay(10_000, undefined, { ref: false })]);
  } finally {
    client.disconnect();
  }
}

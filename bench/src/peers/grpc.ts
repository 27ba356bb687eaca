import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Contestant } from "../contestant.ts";
import { protoFile, startPython, stopPython, whenReady } from "../python-process.ts";

/** What the loaded proto gives us; `@grpc/proto-loader` knows no types at compile time. */
interface BenchClient {
  add(
    request: { a: number; b: number },
    answer: (error: Error | null, reply: { sum: number }) => void,
  ): void;
  count(request: { chunks: number }): AsyncIterable<unknown>;
  waitForReady(deadline: number, done: (error?: Error) => void): void;
  close(): void;
}

/** `@grpc/grpc-js` and a grpcio server of threads, on a Unix socket: one message for each call. */
export async function openGrpc(name: string): Promise<Contestant> {
  const grpc = await import("@grpc/grpc-js");
  const { loadSync } = await import("@grpc/proto-loader");
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const address = `unix:${folder}/grpc`;
  const child = startPython("grpc_server.py", [address, join(protoFile, "..")]);
  const dispose = async () => {
    await stopPython(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await whenReady(child, new Promise((resolve) => child.stdout?.once("data", resolve)));
    const loaded = grpc.loadPackageDefinition(loadSync(protoFile, { longs: Number }));
    const { Bench } = loaded["bench"] as unknown as {
      Bench: new (address: string, credentials: unknown) => BenchClient;
    };
    const client = new Bench(address, grpc.credentials.createInsecure());
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve()));
    });
    return {
      name,
      add: (a, b) =>
        new Promise((resolve, reject) => {
          client.add({ a, b }, (error, reply) => (error ? reject(error) : resolve(reply.sum)));
        }),
      count: (chunks) => client.count({ chunks }),
      [Symbol.asyncDispose]: async () => {
        client.close();
        await dispose();
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

import type { Contestant, IdleWorkers } from "../contestant.ts";
import { starter } from "../our-processes.ts";
import { BareChannel, openCodec } from "./bare-channel.ts";
import { type BenchClient, GrpcServer } from "./grpc-server.ts";

/** `@grpc/grpc-js` and a grpcio server of threads, on a Unix socket: one message for each call. */
export async function openGrpc(name: string): Promise<Contestant> {
  return withServer((client, server) => ({
    name,
    add: (a, b) => addition(client, a, b),
    count: (chunks) => client.count({ chunks }),
    echo: (array) =>
      new Promise((resolve, reject) => {
        const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
        client.echo({ data }, (error, answer = { data }) =>
          error ? reject(error) : resolve(answer.data),
        );
      }),
    check: () =>
      new Promise((resolve, reject) => {
        client.check({ service: "" }, (error) => (error ? reject(error) : resolve()));
      }),
    connect: async () => {
      const startMs = performance.now();
      const another = await server.connect();
      const connectMs = performance.now() - startMs;
      return { connectMs, [Symbol.asyncDispose]: async () => another.close() };
    },
  }));
}

/** Each worker is a server and a channel to it, started side by side. */
export async function openGrpcStarts(): Promise<Contestant> {
  return starter("grpc-unary", async (workers): Promise<IdleWorkers> => {
    const servers = await Promise.all(Array.from({ length: workers }, () => GrpcServer.start()));
    const clients = await Promise.all(servers.map((server) => server.connect()));
    return {
      pids: servers.flatMap(({ pid }) => pid ?? []),
      [Symbol.asyncDispose]: async () => {
        for (const client of clients) client.close();
        await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      },
    };
  });
}

/** The server's supervisor starts another one as soon as it hears that the last one is gone. */
export async function openSupervisedGrpc(): Promise<Contestant> {
  return withServer((client, server) => ({
    name: "grpc-unary",
    add: (a, b) => addition(client, a, b),
    crash: () => server.crash(),
  }));
}

/** Batches on one bidirectional stream, a message for each, and nothing else. */
export async function openBareGrpcStream(): Promise<Contestant> {
  const codec = await openCodec();
  return withServer((client) => {
    const stream = client.batches();
    const channel = new BareChannel(codec, (document) => stream.write({ document }));
    stream.on("data", ({ document }) => channel.receive(document));
    stream.on("error", () => {}); // the process was ended
    return {
      name: "bare-grpc-stream",
      add: (a, b) => channel.add(a, b),
      count: (chunks) => channel.count(chunks),
      hangUp: () => stream.cancel(),
    };
  });
}

/** A contestant without its end; `hangUp` comes before that of its client. */
type Served = Omit<Contestant, typeof Symbol.asyncDispose> & { hangUp?(): void };

/** Whatever happens, the server ends with the contestant. */
async function withServer(
  serve: (client: BenchClient, server: GrpcServer) => Served,
): Promise<Contestant> {
  const server = await GrpcServer.start();
  try {
    const client = await server.connect();
    const { hangUp, ...contestant } = serve(client, server);
    return {
      ...contestant,
      [Symbol.asyncDispose]: async () => {
        hangUp?.();
        client.close();
        await server[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

function addition(client: BenchClient, a: number, b: number): Promise<number> {
  return new Promise((resolve, reject) => {
    client.add({ a, b }, (error, reply) => (error ? reject(error) : resolve(reply.sum)));
  });
}

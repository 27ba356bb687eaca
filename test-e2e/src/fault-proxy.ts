import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** TCP between a host and its workers, which fails on demand. Ends with the test. */
export class FaultProxy {
  /** Connections that were made, in all. */
  accepted = 0;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isStalled = false;
  #refuses = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(targetPort: number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const proxy = new FaultProxy(server);
    server.on("connection", (socket) => proxy.#pass(socket, targetPort));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      proxy.cut();
      server.close();
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get open(): number {
    return this.#pairs.size;
  }

  /** Resets every connection, for both of its ends. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
    this.#pairs.clear();
  }

  /** Passes nothing on any more, without a word to anybody; new connections neither. */
  stall(): void {
    this.#isStalled = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.unpipe().pause();
  }

  /** What was held back goes on, and whoever connects is let through. */
  flow(): void {
    this.#isStalled = false;
    this.#refuses = false;
    for (const pair of this.#pairs) join(pair);
  }

  /** Hangs up on whoever connects from now on. */
  refuse(): void {
    this.#refuses = true;
  }

  #pass(socket: Socket, port: number): void {
    this.accepted++;
    if (this.#refuses) return void socket.resetAndDestroy();
    const other = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const pair = [socket, other] as const;
    this.#pairs.add(pair);
    for (const one of pair) {
      one.setNoDelay(true);
      one.on("error", () => this.#drop(pair));
      one.on("close", () => this.#drop(pair));
    }
    if (!this.#isStalled) join(pair);
  }

  #drop(pair: readonly [Socket, Socket]): void {
    if (this.#isStalled && this.#pairs.has(pair)) return; // nobody hears of the other's end
    this.#pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  }
}

function join([one, other]: readonly [Socket, Socket]): void {
  one.pipe(other);
  other.pipe(one);
}

/** A port that nobody listens on; the system gives it to nobody else so soon. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

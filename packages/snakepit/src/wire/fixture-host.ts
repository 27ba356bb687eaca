import { callContext } from "../fixtures/call-context.ts";
import type { Channel } from "./channel.ts";
import { partCodec } from "./fixture-part-codec.ts";
import { HandWorker } from "./fixture-worker.ts";
import { jsonCodec } from "./json-codec.ts";
import { Reception } from "./reception.ts";
import { SocketListener, type SocketListenerOptions } from "./socket-listener.ts";

export const MAX_VALUE_BYTES = 20 * 1024 * 1024;

/** Both ends of a connection. */
export interface Connected {
  readonly channel: Channel;
  readonly worker: HandWorker;
}

/** A listening host, for tests with workers by hand. */
export class WireHost implements AsyncDisposable {
  readonly reception: Reception;
  readonly listener: SocketListener;

  private constructor(reception: Reception, listener: SocketListener) {
    this.reception = reception;
    this.listener = listener;
  }

  static async open(options: Omit<SocketListenerOptions, "reception"> = {}): Promise<WireHost> {
    const reception = new Reception({
      codecs: [partCodec, jsonCodec],
      maxFrameBytes: 8_000_000,
      maxValueBytes: MAX_VALUE_BYTES,
    });
    return new WireHost(reception, await SocketListener.open({ ...options, reception }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener[Symbol.asyncDispose]();
  }

  hello(workerId: string, changes: Readonly<Record<string, unknown>> = {}) {
    const { token } = this.reception;
    const skills = { codecs: ["json"], concurrency: 4, commands: "any", versions: {} };
    return { type: "hello", protocol: 1, workerId, token, pid: 1, ...skills, ...changes };
  }

  /** A worker that knows parts. */
  connectWithParts(workerId: string): Promise<Connected> {
    return this.connect(workerId, { codecs: [partCodec.name], parts: true });
  }

  async connect(
    workerId: string,
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<Connected> {
    const worker = await HandWorker.dial(this.listener.path);
    worker.send(this.hello(workerId, changes));
    const { channel } = await this.reception.worker(workerId, new AbortController().signal);
    await worker.frame();
    return { channel, worker };
  }
}

/** One call there and back. */
export async function served({ channel, worker }: Connected): Promise<unknown> {
  const answer = channel.execute("add", null, callContext());
  const [, [, id]] = (await worker.frame()) as [number, [number, number]];
  worker.send([1, [0, id, "fine"]]);
  return await answer;
}

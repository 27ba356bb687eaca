import { randomBytes, timingSafeEqual } from "node:crypto";
import { SnakepitError } from "../errors.ts";
import { Channel } from "./channel.ts";
import type { Codec } from "./codec.ts";
import { DEFAULT_MAX_VALUE_BYTES } from "./part-limits.ts";
import { DEFAULT_MAX_FRAME_BYTES, PROTOCOL_VERSION } from "./records.ts";
import type { Transport } from "./transport.ts";

/** How long a fresh connection may say nothing before it is ended. */
export const HANDSHAKE_MS = 30_000;

/** What a worker says of itself; docs/protocol.md, "Handshake". */
export interface Hello {
  readonly workerId: string;
  readonly pid: number;
  readonly concurrency: number;
  readonly commands: ReadonlySet<string> | "any";
  readonly versions: Readonly<Record<string, string>>;
  /** It sends and takes big binaries in parts. */
  readonly parts: boolean;
}

export interface Arrival {
  readonly hello: Hello;
  readonly channel: Channel;
}

export interface ReceptionOptions {
  /** In order of preference. */
  readonly codecs: readonly Codec[];
  readonly maxFrameBytes?: number;
  /** Most bytes of one value's parts, in either direction. Default: 1 GiB. */
  readonly maxValueBytes?: number;
}

interface Guest {
  arrived(arrival: Arrival): void;
  failed(error: Error): void;
}

/** A hello that is refused, with the code and text that the worker is told. */
class Refusal extends Error {}

/**
 * Where workers that dial in introduce themselves, whatever carries their frames. A worker is let
 * in when it knows the token and is expected or will be: its process may be faster than the host.
 */
export class Reception {
  /** The secret that workers of this host present. */
  readonly token = randomBytes(32).toString("base64url");
  readonly maxFrameBytes: number;
  readonly maxValueBytes: number;
  readonly #options: ReceptionOptions;
  readonly #expected = new Map<string, Guest>();
  readonly #early = new Map<string, Arrival>();

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.maxFrameBytes = options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
    this.maxValueBytes = options.maxValueBytes ?? DEFAULT_MAX_VALUE_BYTES;
  }

  /**
   * Resolves when the worker of that id has introduced itself.
   * @throws SnakepitError WORKER_START_FAILED (`bad-handshake`), or the reason of `signal`
   */
  async worker(workerId: string, signal: AbortSignal): Promise<Arrival> {
    signal.throwIfAborted();
    const early = this.#early.get(workerId);
    if (early !== undefined) {
      this.#early.delete(workerId);
      return early;
    }
    return new Promise<Arrival>((resolve, reject) => {
      const leave = () => {
        this.#expected.delete(workerId);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = () => {
        leave();
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#expected.set(workerId, {
        arrived: (arrival) => {
          leave();
          resolve(arrival);
        },
        failed: (error) => {
          leave();
          reject(error);
        },
      });
    });
  }

  /** Forgets a worker that will not be asked for, and hangs up if it had come already. */
  dismiss(workerId: string): void {
    this.#early.get(workerId)?.channel.close();
    this.#early.delete(workerId);
  }

  /** Constant time, so that the token cannot be found byte by byte. */
  knows(token: unknown): boolean {
    const given = Buffer.from(typeof token === "string" ? token : "");
    const wanted = Buffer.from(this.token);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }

  /** Answers the first frame of a fresh connection. */
  admit(transport: Transport, document: Uint8Array): void {
    const first = parseJson(document);
    const workerId = idOf(first);
    try {
      const hello = this.#check(first);
      const codec = this.#chooseCodec((first as { codecs?: unknown }).codecs);
      const parts = hello.parts ? { maxValueBytes: this.maxValueBytes } : {};
      sendJson(transport, {
        type: "welcome",
        protocol: PROTOCOL_VERSION,
        codec: codec.name,
        maxFrameBytes: this.maxFrameBytes,
        ...parts,
      });
      const channel = new Channel(transport, codec, {
        workerId: hello.workerId,
        maxFrameBytes: this.maxFrameBytes,
        ...parts,
      });
      this.#welcome({ hello, channel });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      sendJson(transport, { type: "refused", code: "PROTOCOL", message: error.message });
      transport.close();
      this.#expected.get(workerId)?.failed(
        new SnakepitError(
          "WORKER_START_FAILED",
          `worker ${workerId} was refused: ${error.message}`,
          {
            outcome: "not-started",
            details: { reason: "bad-handshake", stderr: "" },
          },
        ),
      );
    }
  }

  #welcome(arrival: Arrival): void {
    const { workerId } = arrival.hello;
    const guest = this.#expected.get(workerId);
    if (guest !== undefined) return guest.arrived(arrival);
    this.#early.set(workerId, arrival);
    void arrival.channel.closed.then(() => {
      if (this.#early.get(workerId) === arrival) this.#early.delete(workerId);
    });
  }

  #check(first: unknown): Hello {
    if (typeof first !== "object" || first === null) throw new Refusal("the hello is no object");
    const hello = first as Record<string, unknown>;
    // The token first: who does not know it learns nothing else.
    if (!this.knows(hello["token"])) throw new Refusal("the token is wrong");
    if (hello["protocol"] !== PROTOCOL_VERSION) {
      throw new Refusal(
        `the worker speaks protocol ${String(hello["protocol"])}, this host ${PROTOCOL_VERSION}; update the older of the two`,
      );
    }
    const workerId = hello["workerId"];
    if (typeof workerId !== "string" || workerId === "") throw new Refusal("workerId is missing");
    if (this.#early.has(workerId)) throw new Refusal(`a worker ${workerId} is here already`);
    const { commands, concurrency, pid, versions } = hello;
    if (!Number.isInteger(concurrency) || (concurrency as number) < 1) {
      throw new Refusal(`concurrency is ${String(concurrency)}, not a positive integer`);
    }
    if (
      commands !== "any" &&
      !(Array.isArray(commands) && commands.every((c) => typeof c === "string"))
    ) {
      throw new Refusal('commands is neither a list of names nor "any"');
    }
    return {
      workerId,
      pid: typeof pid === "number" ? pid : 0,
      concurrency: concurrency as number,
      commands: commands === "any" ? "any" : new Set(commands as string[]),
      versions:
        typeof versions === "object" && versions !== null
          ? (versions as Record<string, string>)
          : {},
      parts: hello["parts"] === true,
    };
  }

  #chooseCodec(offered: unknown): Codec {
    const names: unknown[] = Array.isArray(offered) ? offered : [];
    const codec = this.#options.codecs.find(({ name }) => names.includes(name));
    if (codec !== undefined) return codec;
    const ours = this.#options.codecs.map(({ name }) => name).join(", ");
    throw new Refusal(`the worker offers the codecs [${names.join(", ")}], this host has ${ours}`);
  }
}

/** The handshake is JSON whatever the codec; `undefined` for what is not, which no check accepts. */
export function parseJson(document: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(document).toString("utf8"));
  } catch {
    return undefined;
  }
}

function idOf(hello: unknown): string {
  const id = (hello as { workerId?: unknown } | null)?.workerId;
  return typeof id === "string" ? id : "(unnamed)";
}

function sendJson(transport: Transport, message: unknown): void {
  const text = Buffer.from(JSON.stringify(message));
  transport.send(Buffer.concat([Buffer.alloc(transport.headroom), text]));
}

import { randomBytes, timingSafeEqual } from "node:crypto";
import { SnakepitError } from "../errors.ts";
import { Channel } from "./channel.ts";
import type { Codec } from "./codec.ts";
import { Lease } from "./lease.ts";
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
  /** Told in the welcome of before, by a worker that dials in again. */
  readonly incarnation: string | undefined;
  /** It sends and takes big binaries in parts. */
  readonly parts: boolean;
}

export interface Arrival {
  readonly hello: Hello;
  readonly channel: Channel;
  /** Its right to dial in again, where the reception grants one. */
  readonly lease: Lease | undefined;
}

export interface ReceptionOptions {
  /** In order of preference. */
  readonly codecs: readonly Codec[];
  readonly maxFrameBytes?: number;
  /**
   * How long a worker may live without its connection, in milliseconds: meanwhile it may dial in
   * again. Absent: a worker ends with its connection.
   */
  readonly leaseMs?: number;
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
  readonly #leases = new Map<string, Lease>();

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
    return isSecret(token, this.token);
  }

  /** Answers the first frame of a fresh connection. */
  admit(transport: Transport, document: Uint8Array): void {
    const first = parseJson(document);
    const workerId = idOf(first);
    try {
      const hello = this.#check(first);
      const codec = this.#chooseCodec((first as { codecs?: unknown }).codecs);
      if (hello.incarnation === undefined) return this.#welcome(transport, hello, codec);
      const lease = this.#leases.get(workerId);
      if (lease === undefined || !isSecret(hello.incarnation, lease.incarnation)) {
        throw new Refusal("this host does not expect it back; a worker's lease may be over");
      }
      this.#sendWelcome(transport, hello, codec, lease);
      lease.resume(transport);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      sendJson(transport, { type: "refused", code: "PROTOCOL", message: error.message });
      transport.close(this.refuse(workerId, error.message));
    }
  }

  /** Tells whoever waits for this worker that it was turned away; returns what the worker is told. */
  refuse(workerId: string, problem: string): SnakepitError<"PROTOCOL"> {
    this.#expected.get(workerId)?.failed(
      new SnakepitError("WORKER_START_FAILED", `worker ${workerId} was refused: ${problem}`, {
        outcome: "not-started",
        details: { reason: "bad-handshake", stderr: "" },
      }),
    );
    return new SnakepitError("PROTOCOL", problem, { outcome: "not-started" });
  }

  #welcome(transport: Transport, hello: Hello, codec: Codec): void {
    const { workerId } = hello;
    const { maxFrameBytes } = this;
    const { leaseMs } = this.#options;
    const parts = this.#partTerms(hello);
    const channel = new Channel(transport, codec, { workerId, maxFrameBytes, ...parts });
    const lease = leaseMs === undefined ? undefined : new Lease(channel, leaseMs);
    this.#sendWelcome(transport, hello, codec, lease);
    if (lease !== undefined) this.#keep(workerId, lease, channel);
    const arrival = { hello, channel, lease };
    const guest = this.#expected.get(workerId);
    if (guest !== undefined) return guest.arrived(arrival);
    this.#early.set(workerId, arrival);
    void channel.closed.then(() => {
      if (this.#early.get(workerId) === arrival) this.#early.delete(workerId);
    });
  }

  /** A worker that knows no parts is told nothing of them. */
  #partTerms({ parts }: Hello): { readonly maxValueBytes?: number } {
    return parts ? { maxValueBytes: this.maxValueBytes } : {};
  }

  #sendWelcome(transport: Transport, hello: Hello, codec: Codec, lease: Lease | undefined): void {
    const { maxFrameBytes } = this;
    const terms =
      lease === undefined ? {} : { leaseMs: lease.leaseMs, incarnation: lease.incarnation };
    sendJson(transport, {
      type: "welcome",
      protocol: PROTOCOL_VERSION,
      codec: codec.name,
      maxFrameBytes,
      ...this.#partTerms(hello),
      ...terms,
    });
  }

  #keep(workerId: string, lease: Lease, channel: Channel): void {
    this.#leases.set(workerId, lease);
    void channel.closed.then(() => {
      if (this.#leases.get(workerId) === lease) this.#leases.delete(workerId);
    });
  }

  #check(first: unknown): Hello {
    if (typeof first !== "object" || first === null) throw new Refusal("the hello is no object");
    const hello = first as Record<string, unknown>;
    // The token first: who does not know it learns nothing else.
    if (!this.knows(hello["token"])) throw new Refusal("the token is wrong");
    const version = versionProblem(hello["protocol"]);
    if (version !== undefined) throw new Refusal(version);
    const workerId = hello["workerId"];
    if (typeof workerId !== "string" || workerId === "") throw new Refusal("workerId is missing");
    const { commands, concurrency, pid, versions, incarnation } = hello;
    if (incarnation !== undefined && typeof incarnation !== "string") {
      throw new Refusal("incarnation is no text");
    }
    if (incarnation === undefined && this.#early.has(workerId)) {
      throw new Refusal(`a worker ${workerId} is here already`);
    }
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
      incarnation,
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

/** Undefined when this host speaks it. */
export function versionProblem(protocol: unknown): string | undefined {
  if (protocol === PROTOCOL_VERSION) return undefined;
  return `the worker speaks protocol ${String(protocol)}, this host ${PROTOCOL_VERSION}; update the older of the two`;
}

function isSecret(given: unknown, wanted: string): boolean {
  const one = Buffer.from(typeof given === "string" ? given : "");
  const other = Buffer.from(wanted);
  return one.length === other.length && timingSafeEqual(one, other);
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

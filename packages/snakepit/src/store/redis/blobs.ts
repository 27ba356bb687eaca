import { randomUUID } from "node:crypto";
import { partCount, partsOf } from "../parts.ts";
import type { RedisConnection } from "./connection.ts";
import { toBuffer } from "./records.ts";

/** An upload that has not gone on for so long is removed by the server. */
const UPLOAD_MS = 60_000;

/**
 * Large values, a part at a time, so that other commands get their turn on the connection. A write
 * links them; until then they have an end, so that a host that dies on the way leaves nothing.
 */
export class RedisBlobs {
  readonly #connection: RedisConnection;
  readonly #base: string;

  constructor(connection: RedisConnection, base: string) {
    this.#connection = connection;
    this.#base = base;
  }

  /** The name under which the bytes wait for a link. */
  async upload(bytes: Uint8Array): Promise<string> {
    const name = randomUUID();
    const key = this.#key(name);
    let part = 0;
    for (const slice of partsOf(bytes)) {
      const adding = this.#connection.send("not-started", "HSET", [key, part, toBuffer(slice)]);
      const puttingOff = this.#connection.send("not-started", "PEXPIRE", [key, UPLOAD_MS]);
      await Promise.all([adding, puttingOff]);
      part++;
    }
    return name;
  }

  async giveUp(names: Iterable<string>): Promise<void> {
    try {
      const keys = [...names].map((name) => this.#key(name));
      if (keys.length > 0) await this.#connection.send("not-started", "UNLINK", keys);
    } catch {
      // The server removes them when their time is over.
    }
  }

  /** undefined: it is not there any more, because its record was written, deleted or has ended. */
  async download(name: string, bytes: number): Promise<Uint8Array | undefined> {
    const whole = new Uint8Array(bytes);
    const parts = partCount(bytes);
    let offset = 0;
    for (let part = 0; part < parts; part++) {
      const slice = await this.#connection.send("not-started", "HGET", [this.#key(name), part]);
      if (!Buffer.isBuffer(slice)) return undefined;
      whole.set(slice, offset);
      offset += slice.length;
    }
    return whole;
  }

  #key(name: string): string {
    return `${this.#base}:p:${name}`;
  }
}

import type { Redis } from "ioredis";
import { startTimer } from "../../timer.ts";
import { recordKey } from "../check-arguments.ts";
import { KnownVersions, type VersionList } from "../known-versions.ts";
import type { RecordHint, Scope } from "../store.ts";
import { RedisConnection } from "./connection.ts";
import type { MakeClient } from "./load-ioredis.ts";
import { parseHints } from "./records.ts";

/** How often the connection, on which nothing may come for hours, is asked whether it lives. */
const PULSE_MS = 5_000;
const RETRY_MS = 500;

export interface SubscriptionOptions {
  readonly make: MakeClient;
  readonly timeoutMs: number;
  readonly base: string;
  readonly versions: (scope: Scope) => Promise<VersionList>;
  readonly tell: (scope: Scope, hints: readonly RecordHint[]) => void;
}

interface Watched {
  listeners: number;
  readonly scope: Scope;
  /** Settles when the watch has begun. */
  readonly known: Promise<KnownVersions>;
}

/**
 * Hears of changes on a connection of its own. What was published while that was down is lost, so
 * the versions of all that is watched are read again when it is back.
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #watched = new Map<string, Watched>();
  #connection: Promise<RedisConnection> | undefined;
  #pulse: NodeJS.Timeout | undefined;
  #wasReady = false;
  #isClosed = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  /** @throws SnakepitError STORE_UNAVAILABLE */
  async watch(scope: Scope): Promise<Disposable> {
    const channel = `${this.#options.base}:m:${scope ?? ""}`;
    const watched = this.#watched.get(channel) ?? this.#begin(channel, scope);
    watched.listeners++;
    let isWatching = true;
    const stop = () => {
      if (!isWatching) return;
      isWatching = false;
      if (--watched.listeners === 0) this.#end(channel, watched);
    };
    try {
      await watched.known;
    } catch (error) {
      stop();
      throw error;
    }
    return { [Symbol.dispose]: stop };
  }

  #begin(channel: string, scope: Scope): Watched {
    const known = this.#subscribe(channel).then(
      // What is written from here on is heard; what was before is no change.
      async () => new KnownVersions(await this.#options.versions(scope)),
    );
    const watched = { listeners: 0, scope, known };
    this.#watched.set(channel, watched);
    return watched;
  }

  async #subscribe(channel: string): Promise<void> {
    const connection = await this.#connected();
    await connection.ask("not-started", (client) => client.subscribe(channel));
  }

  #end(channel: string, watched: Watched): void {
    if (this.#watched.get(channel) !== watched) return;
    this.#watched.delete(channel);
    this.#connection
      ?.then((connection) => connection.ask("not-started", (client) => client.unsubscribe(channel)))
      .catch(() => {
        // With the connection the subscription is gone, too.
      });
  }

  #connected(): Promise<RedisConnection> {
    const { make, timeoutMs } = this.#options;
    this.#connection ??= RedisConnection.open(make, timeoutMs, (client) =>
      this.#ready(client),
    ).catch((error: unknown) => {
      this.#connection = undefined; // the next watch tries again
      throw error;
    });
    this.#pulse ??= setInterval(() => void this.#beat(), PULSE_MS).unref();
    return this.#connection;
  }

  #ready(client: Redis): void {
    client.on("message", (channel: string, message: string) => {
      const watched = this.#watched.get(channel);
      if (watched !== undefined) void this.#hear(watched, message);
    });
    if (this.#wasReady) void this.#catchUpAll(client);
    this.#wasReady = true;
  }

  async #hear(watched: Watched, message: string): Promise<void> {
    const hints = parseHints(message);
    if (hints === undefined) {
      await this.#catchUp(watched).catch(() => this.#later(watched));
      return;
    }
    this.#options.tell(watched.scope, hints);
    const known = await watched.known.catch(() => undefined); // the watch has failed to begin
    for (const { namespace, name, version, isDeleted } of hints) {
      known?.note(recordKey(namespace, name), version, isDeleted);
    }
  }

  async #catchUpAll(client: Redis): Promise<void> {
    for (const [channel, watched] of [...this.#watched]) {
      try {
        await client.subscribe(channel);
        await this.#catchUp(watched);
      } catch {
        // A connection that is lost again begins again; otherwise the answer was late.
        this.#later(watched);
      }
    }
  }

  async #catchUp({ scope, known }: Watched): Promise<void> {
    const heard = await known;
    this.#options.tell(scope, heard.catchUp(await this.#options.versions(scope)));
  }

  #later(watched: Watched): void {
    startTimer(RETRY_MS, () => {
      if (this.#isClosed || ![...this.#watched.values()].includes(watched)) return;
      this.#catchUp(watched).catch(() => this.#later(watched));
    });
  }

  /** A connection that gives no answer is replaced. PING means something else to old servers here. */
  async #beat(): Promise<void> {
    try {
      const connection = await this.#connection;
      const channel = `${this.#options.base}:pulse`;
      await connection?.ask("not-started", (client) => client.subscribe(channel));
    } catch {
      // It comes back by itself.
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#pulse);
    this.#watched.clear();
    this.#connection?.then(
      (connection) => connection.close(),
      () => {}, // there is none
    );
  }
}

import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { systemClock } from "../../clock.ts";
import { deadlinesOn, type Expiring, NO_SLOT } from "../../deadlines.ts";
import type { Outcome } from "../../errors.ts";
import { hold, holding } from "../../hold.ts";
import { startTimer } from "../../timer.ts";
import { closed, unavailable } from "../refusals.ts";
import { explained, isUnknownScript, notConnected } from "./failures.ts";
import type { MakeClient } from "./load-ioredis.ts";

/** Between two attempts to connect again: doubled each time, up to a second. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export type Argument = string | number | Uint8Array;

/** A Lua script and the name by which the server knows it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

type State =
  | { readonly phase: "ready"; readonly client: Redis }
  | { readonly phase: "down"; readonly sinceMs: number; readonly reason: string }
  | { readonly phase: "closed" };

/**
 * A connection that comes back. Every command settles within `timeoutMs`, is sent at most once, and
 * holds the event loop only while somebody waits for it. Once the server has been away for longer
 * than that, commands fail at once until it is back.
 */
export class RedisConnection {
  readonly #make: MakeClient;
  readonly #timeoutMs: number;
  readonly #onReady: (client: Redis) => void;
  readonly #waiting = new Set<() => void>();
  readonly #deadlines = deadlinesOn(systemClock);
  #state: State = { phase: "down", sinceMs: systemClock.now(), reason: "not connected yet" };
  #attempt: Redis | undefined;
  #pause: Disposable | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  /** Replies so far, to tell a slow server from a dead connection. */
  #replies = 0;

  /** @throws SnakepitError STORE_UNAVAILABLE */
  static async open(
    make: MakeClient,
    timeoutMs: number,
    onReady: (client: Redis) => void = () => {},
  ): Promise<RedisConnection> {
    const connection = new RedisConnection(make, timeoutMs, onReady);
    try {
      await holding(connection.#connect());
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private constructor(make: MakeClient, timeoutMs: number, onReady: (client: Redis) => void) {
    this.#make = make;
    this.#timeoutMs = timeoutMs;
    this.#onReady = onReady;
  }

  /** The reply with strings as buffers. `outcome`: what is known of it when no answer came. */
  send(outcome: Outcome, name: string, args: readonly Argument[]): Promise<unknown> {
    return this.ask(outcome, (client) =>
      client.callBuffer(name, ...(args as (string | Buffer | number)[])),
    );
  }

  ask<Reply>(outcome: Outcome, ask: (client: Redis) => Promise<Reply>): Promise<Reply> {
    const deadlineMs = systemClock.now() + this.#timeoutMs;
    const client = this.#readyClient();
    if (client !== undefined) return this.#askOn(client, { outcome, ask, deadlineMs });
    return this.#whenReady().then((ready) => this.#askOn(ready, { outcome, ask, deadlineMs }));
  }

  /** Runs a script in one step. */
  run(
    outcome: Outcome,
    { sha, text }: Script,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    return this.send(outcome, "EVALSHA", [sha, ...rest]).catch((error: Error) => {
      if (!isUnknownScript(error.cause)) throw error;
      // The server is new, or has forgotten it: nothing was done yet.
      return this.send(outcome, "EVAL", [text, ...rest]);
    });
  }

  close(): void {
    if (this.#state.phase === "closed") return;
    const client = this.#state.phase === "ready" ? this.#state.client : undefined;
    this.#state = { phase: "closed" };
    this.#pause?.[Symbol.dispose]();
    client?.disconnect();
    this.#attempt?.disconnect();
    this.#wake();
  }

  #readyClient(): Redis | undefined {
    const state = this.#state;
    if (state.phase === "closed") throw closed("redis");
    return state.phase === "ready" ? state.client : undefined;
  }

  async #whenReady(): Promise<Redis> {
    const state = this.#state;
    if (state.phase === "down") {
      const leftMs = state.sinceMs + this.#timeoutMs - systemClock.now();
      if (leftMs > 0) await holding(this.#nextChange(leftMs));
    }
    const client = this.#readyClient();
    if (client !== undefined) return client;
    const { reason } = this.#state as State & { phase: "down" };
    throw unavailable("redis", `Redis cannot be reached: ${reason}`);
  }

  /** Until the state is another, for that long. */
  #nextChange(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = startTimer(limitMs, () => wake());
      const wake = () => {
        timer[Symbol.dispose]();
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #askOn<Reply>(client: Redis, question: Question<Reply>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      hold.acquire();
      const { ask, outcome, deadlineMs } = question;
      const repliesBefore = this.#replies;
      let isSettled = false;
      const settle = (): boolean => {
        if (isSettled) return false;
        isSettled = true;
        this.#deadlines.remove(entry);
        hold.release();
        return true;
      };
      const entry: Expiring = {
        deadlineMs,
        wheelNext: undefined,
        wheelPrevious: undefined,
        wheelSlot: NO_SLOT,
        // After a turn: when this host was blocked, the answer may lie there unread.
        expire: () =>
          setImmediate(() => {
            if (!settle()) return;
            const problem = `Redis gave no answer within ${this.#timeoutMs} ms`;
            reject(unavailable("redis", problem, { outcome }));
            if (this.#replies === repliesBefore) this.#drop(client, problem);
          }),
      };
      this.#deadlines.add(entry);
      ask(client).then(
        (reply) => {
          this.#replies++;
          if (settle()) resolve(reply);
        },
        (error: unknown) => {
          if (settle()) reject(explained(error, outcome));
        },
      );
    });
  }

  /** No word has come on it for as long as a command may take: a new one may do better. */
  #drop(client: Redis, reason: string): void {
    if (this.#lost(client, reason)) client.disconnect();
  }

  /** False: it was lost before. */
  #lost(client: Redis, reason: string): boolean {
    if (this.#state.phase !== "ready" || this.#state.client !== client) return false;
    this.#state = { phase: "down", sinceMs: systemClock.now(), reason };
    this.#connectAfter(0);
    return true;
  }

  #connectAfter(pauseMs: number): void {
    if (this.#state.phase !== "down") return;
    this.#pause = startTimer(pauseMs, () => {
      this.#connect().catch(() => {
        // Every client that waits is told why; here the next attempt is all there is to do.
        this.#connectAfter(this.#pauseMs * (0.5 + Math.random() / 2));
        this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
      });
    });
  }

  /** One attempt, with a client of its own: what the last one had not sent is gone with it. */
  async #connect(): Promise<void> {
    const client = this.#make();
    this.#attempt = client;
    let reason = "the connection was closed";
    client.on("error", (error: Error) => {
      reason = error.message;
    });
    client.on("connect", () => client.stream.unref());
    client.on("end", () => void this.#lost(client, reason));
    // Its own limit covers the connection, not the handshake of a server that is halted.
    using _ = startTimer(this.#timeoutMs, () => {
      reason = `no connection within ${this.#timeoutMs} ms`;
      client.disconnect();
      client.stream?.destroy();
    });
    try {
      await client.connect();
    } catch {
      const state = this.#state;
      if (state.phase === "down") this.#state = { ...state, reason };
      throw notConnected(reason);
    } finally {
      this.#attempt = undefined;
    }
    this.#ready(client);
  }

  #ready(client: Redis): void {
    if (this.#state.phase === "closed") {
      client.disconnect();
      return;
    }
    this.#state = { phase: "ready", client };
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#onReady(client);
    this.#wake();
  }
}

interface Question<Reply> {
  readonly outcome: Outcome;
  readonly ask: (client: Redis) => Promise<Reply>;
  readonly deadlineMs: number;
}

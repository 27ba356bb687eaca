import { randomBytes } from "node:crypto";
import type { ReachWatcher } from "../adapter.ts";
import { internalCall } from "../worker-start.ts";
import type { Channel } from "./channel.ts";
import type { Transport } from "./transport.ts";

/** So often within a lease its worker hears from us: one that gets lost must not end it. */
const RENEWALS = 3;
/**
 * The worker counts from what it last heard, we from when we noticed, which is later. The second is
 * for its own last steps: it must have ended before another serves in its place.
 */
const MARGIN_MS = 1_000;

/**
 * The time that a worker on another machine may live without hearing from its host. When its
 * connection ends it may dial in again as long as that lasts, and is the same one: it keeps what
 * it remembers, and has dropped the calls that it had.
 */
export class Lease {
  readonly leaseMs: number;
  /** A secret, told in the welcome: with it the worker proves that it is the one of before. */
  readonly incarnation = randomBytes(24).toString("base64url");
  readonly #channel: Channel;
  readonly #renewal: NodeJS.Timeout;
  #expiry: NodeJS.Timeout | undefined;
  #watcher: ReachWatcher | undefined;
  #isRenewing = false;

  constructor(channel: Channel, leaseMs: number) {
    this.leaseMs = leaseMs;
    this.#channel = channel;
    channel.onLost = () => this.#lost();
    this.#renewal = setInterval(() => this.#renew(), leaseMs / RENEWALS).unref();
    void channel.closed.then(() => this.#end());
  }

  /** For the connection's `watchReach`. */
  watch(watcher: ReachWatcher): void {
    this.#watcher = watcher;
    if (this.#expiry !== undefined) watcher.lost();
  }

  /** The worker has dialled in again, and its welcome has been sent. */
  resume(transport: Transport): void {
    this.#channel.resume(transport);
    clearTimeout(this.#expiry);
    this.#expiry = undefined;
    this.#watcher?.back();
  }

  #lost(): void {
    const patience = () => this.#channel.giveUp(this.leaseMs);
    this.#expiry = setTimeout(patience, this.leaseMs + MARGIN_MS).unref();
    this.#watcher?.lost();
  }

  /** Anything that the worker hears renews its lease; this is for when there is nothing to say. */
  #renew(): void {
    if (this.#isRenewing || this.#expiry !== undefined) return;
    this.#isRenewing = true;
    const renewed = () => {
      this.#isRenewing = false;
    };
    const ping = internalCall("lease", new AbortController().signal);
    this.#channel.ping(ping).then(renewed, renewed); // also a lost connection ends the wait
  }

  #end(): void {
    clearInterval(this.#renewal);
    clearTimeout(this.#expiry);
  }
}

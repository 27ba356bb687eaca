/** Somebody who ends with a signal. */
export interface Follower {
  /** The signal has fired. Called at most once. */
  abortedBy(signal: AbortSignal): void;
}

/**
 * Everybody who follows one signal, behind one listener: Node compares each new listener of a
 * signal with all that it has, so that 100,000 calls with the same signal would take a minute.
 */
class Followers {
  readonly #signal: AbortSignal;
  readonly #followers = new Set<Follower>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this, { once: true });
  }

  add(follower: Follower): void {
    this.#followers.add(follower);
  }

  delete(follower: Follower): void {
    this.#followers.delete(follower);
  }

  handleEvent(): void {
    // Who leaves while others are told is not told any more.
    for (const follower of this.#followers) follower.abortedBy(this.#signal);
    this.#followers.clear();
  }
}

/** Kept as long as its signal, so that a signal has one listener of ours for ever. */
const bySignal = new WeakMap<AbortSignal, Followers>();

/** `follower` hears of the signal until `unfollow`. The signal must not have fired yet. */
export function follow(signal: AbortSignal, follower: Follower): void {
  let followers = bySignal.get(signal);
  if (followers === undefined) {
    followers = new Followers(signal);
    bySignal.set(signal, followers);
  }
  followers.add(follower);
}

export function unfollow(signal: AbortSignal, follower: Follower): void {
  bySignal.get(signal)?.delete(follower);
}

import type { Connection } from "./adapter.ts";
import type { Slots } from "./slots.ts";
import { type Verdict, Vitals, type VitalsOptions } from "./vitals.ts";
import { internalCall } from "./worker-start.ts";

/** Listens to one connection and asks when it hears nothing; `vitals.ts` concludes. */
export class Pulse {
  readonly #vitals: Vitals;
  readonly #slots: Slots;
  #isAsking = false;
  /** Pings that were answered. */
  #answers = 0;

  constructor(options: VitalsOptions, slots: Slots) {
    this.#vitals = new Vitals(options);
    this.#slots = slots;
  }

  get silentMs(): number {
    return Math.round(this.#vitals.silentMs);
  }

  /** `ranMs`: how long this process itself was awake since the last look. */
  look(connection: Connection, ranMs: number): Verdict {
    const { load, concurrency, answered } = this.#slots;
    const verdict = this.#vitals.look({
      // Without a time of its own any change tells as much.
      heardMs: connection.heardMs ?? answered + this.#answers,
      canAnswer: connection.capabilities.pingsWhileBusy === true || load < concurrency,
      ranMs,
    });
    if (verdict === "ask") this.#ask(connection);
    return verdict;
  }

  #ask(connection: Connection): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const answered = () => {
      this.#isAsking = false;
      this.#answers++;
    };
    const ping = internalCall("heartbeat", new AbortController().signal);
    // Also a refusal is a sign of life.
    connection.ping(ping).then(answered, answered);
  }
}

import { type Channel, channel } from "node:diagnostics_channel";
import { show } from "./check-options.ts";
import { invalidArgument } from "./errors.ts";
import { eventNames, type PoolEvent, type PoolEventName, type PoolEventOf } from "./events.ts";

type Heard = PoolEventName | "*";
type Listener = (event: PoolEvent) => void;

/** Kept here, because Node forgets a channel that nobody holds. */
const channels = Object.fromEntries(
  eventNames.map((name) => [name, channel(`snakepit:${name}`)]),
) as Readonly<Record<PoolEventName, Channel>>;
/** By name, because each call asks for them. */
const submitted = channels["call-submitted"];
const started = channels["call-started"];
const ended = channels["call-ended"];

/** Tells everybody who listens to a pool, and whoever follows all pools of this process. */
export class EventHub {
  readonly #pool: string;
  readonly #publishes: boolean;
  readonly #listeners = new Map<Heard, Set<Listener>>();
  readonly #reported = new WeakSet<Listener>();
  /** Of those that hear of single calls. */
  #callListeners = 0;

  /** `publishes`: also on `node:diagnostics_channel`, with the name of the pool. */
  constructor(pool: string, publishes: boolean) {
    this.#pool = pool;
    this.#publishes = publishes;
  }

  /** Asked for each call, which costs its events only when somebody wants them. */
  get wantsSubmitted(): boolean {
    return this.#callListeners > 0 || (this.#publishes && submitted.hasSubscribers);
  }

  get wantsStarted(): boolean {
    return this.#callListeners > 0 || (this.#publishes && started.hasSubscribers);
  }

  get wantsEnded(): boolean {
    return this.#callListeners > 0 || (this.#publishes && ended.hasSubscribers);
  }

  on<Name extends Heard>(name: Name, listener: (event: PoolEventOf<Name>) => void): Disposable {
    checkListener(name, listener);
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    // Each registration is its own, also of a function that listens twice.
    const own: Listener = (event) => listener(event as PoolEventOf<Name>);
    set.add(own);
    if (hearsCalls(name)) this.#callListeners++;
    return {
      [Symbol.dispose]: () => {
        if (set.delete(own) && hearsCalls(name)) this.#callListeners--;
      },
    };
  }

  emit(event: PoolEvent): void {
    for (const name of [event.name, "*"] as const) {
      for (const listener of this.#listeners.get(name) ?? []) this.#tell(listener, event);
    }
    if (!this.#publishes) return;
    const followed = channels[event.name];
    // What a subscriber throws, Node reports as an uncaught exception after this, not in here.
    if (followed.hasSubscribers) followed.publish({ ...event, pool: this.#pool });
  }

  /** A listener that throws is reported once and does no harm to the pool. */
  #tell(listener: Listener, event: PoolEvent): void {
    try {
      listener(event);
    } catch (error) {
      if (this.#reported.has(listener)) return;
      this.#reported.add(listener);
      process.emitWarning(
        `a listener of the pool event ${event.name} threw: ${String(error)}`,
        "SnakepitWarning",
      );
    }
  }
}

function hearsCalls(name: Heard): boolean {
  switch (name) {
    case "call-submitted":
    case "call-started":
    case "call-ended":
    case "*":
      return true;
    default:
      return false;
  }
}

/** A listener that never hears anything is a fault that shows only when it is too late. */
export function checkListener(name: unknown, listener: unknown): void {
  const known: readonly unknown[] = [...eventNames, "*"];
  const problems = [
    ...(known.includes(name)
      ? []
      : [`there is no event ${show(name)}; known are ${known.join(", ")}`]),
    ...(typeof listener === "function"
      ? []
      : [`the listener must be a function, not ${show(listener)}`]),
  ];
  if (problems.length === 0) return;
  throw invalidArgument(problems.join("; "));
}

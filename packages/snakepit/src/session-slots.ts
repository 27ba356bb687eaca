import { show } from "./check-options.ts";
import { invalidArgument, type SnakepitError } from "./errors.ts";

/**
 * A place in every session for something that a layer above keeps there: its type, and how one is
 * made. Make it once, at the top of a module, and pass it to `session.get()`.
 */
export class SessionSlot<Value> {
  readonly name: string;
  readonly create: (sessionId: string) => Value;
  readonly dispose: ((value: Value) => void) | undefined;

  /** `dispose` is told what was made, when the session ends. `name` is for error messages. */
  constructor(
    name: string,
    create: (sessionId: string) => Value,
    dispose?: (value: Value) => void,
  ) {
    this.name = name;
    this.create = create;
    this.dispose = dispose;
  }
}

function noSlot(given: unknown): SnakepitError<"INVALID_ARGUMENT"> {
  return invalidArgument(
    `a session is asked for what a SessionSlot holds, not ${show(given)}; make one with new SessionSlot(name, create, dispose)`,
  );
}

/** What the slots of one session hold. */
export class SlotValues {
  readonly #values = new Map<SessionSlot<unknown>, unknown>();

  /** @throws SnakepitError INVALID_ARGUMENT when it is no slot; what `create` throws */
  get<Value>(slot: SessionSlot<Value>, sessionId: string): Value {
    if (typeof slot?.create !== "function") throw noSlot(slot);
    const key = slot as SessionSlot<unknown>;
    if (!this.#values.has(key)) this.#values.set(key, slot.create(sessionId));
    return this.#values.get(key) as Value;
  }

  /** Each is told. What one throws is its owner's fault, and keeps nobody from ending. */
  dispose(): void {
    for (const [slot, value] of this.#values) {
      try {
        slot.dispose?.(value);
      } catch (error) {
        const text = `the session slot ${slot.name} could not be let go: ${String(error)}`;
        process.emitWarning(text, "SnakepitWarning");
      }
    }
    this.#values.clear();
  }
}

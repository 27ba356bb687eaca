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

/** What the slots of one session hold. */
export class SlotValues {
  readonly #values = new Map<SessionSlot<unknown>, unknown>();

  get<Value>(slot: SessionSlot<Value>, sessionId: string): Value {
    const key = slot as SessionSlot<unknown>;
    if (!this.#values.has(key)) this.#values.set(key, slot.create(sessionId));
    return this.#values.get(key) as Value;
  }

  /** Each is told, also when one before it throws. @throws what they have thrown */
  dispose(): void {
    const errors: unknown[] = [];
    for (const [slot, value] of this.#values) {
      try {
        slot.dispose?.(value);
      } catch (error) {
        errors.push(error);
      }
    }
    this.#values.clear();
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1)
      throw new AggregateError(errors, "slots of a session could not be let go");
  }
}

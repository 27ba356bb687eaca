/** What a person can take in of one frame. */
const MOST_CHARACTERS = 1_000;
const MOST_DEPTH = 6;
const secretName =
  /passw(or)?d|passphrase|(^|[_-])pass$|secret|token|api.?key|private.?key|access.?key|authorization|credential|cookie/i;

/**
 * A value as one line of bounded length, without the values whose names say that they are secret.
 * Never throws, and never looks at more of a large value than it shows.
 */
export function shownValue(value: unknown): string {
  const writer = new ValueWriter();
  try {
    writer.value(value, 0);
  } catch (error) {
    // A getter or a proxy of the application's, which is none of our business.
    writer.text(`(unreadable: ${error instanceof Error ? error.name : typeof error})`);
  }
  return writer.shown;
}

/** A copy of data without the values whose names say that they are secret. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  const shown = ([key, item]: [string, unknown]) => [
    key,
    secretName.test(key) ? "(hidden)" : withoutSecrets(item),
  ];
  return Object.fromEntries(Object.entries(value).map(shown));
}

class ValueWriter {
  #text = "";

  get shown(): string {
    return this.#text.length > MOST_CHARACTERS
      ? `${this.#text.slice(0, MOST_CHARACTERS)}…`
      : this.#text;
  }

  get #isFull(): boolean {
    return this.#text.length > MOST_CHARACTERS;
  }

  text(text: string): void {
    if (!this.#isFull) this.#text += text;
  }

  value(value: unknown, depth: number): void {
    if (typeof value === "string") this.text(JSON.stringify(value.slice(0, MOST_CHARACTERS)));
    else if (typeof value === "bigint") this.text(`${value}n`);
    else if (typeof value !== "object" || value === null) this.text(String(value));
    else if (ArrayBuffer.isView(value))
      this.text(`${value.constructor.name}(${value.byteLength} bytes)`);
    else if (depth === MOST_DEPTH) this.text(Array.isArray(value) ? "[…]" : "{…}");
    else if (Array.isArray(value)) this.#list(value, depth);
    else if (value instanceof Map) this.#entries(value, depth);
    else this.#entries(ownEntries(value), depth);
  }

  #list(values: readonly unknown[], depth: number): void {
    this.text("[");
    for (let index = 0; index < values.length && !this.#isFull; index++) {
      if (index > 0) this.text(",");
      this.value(values[index], depth + 1);
    }
    this.text("]");
  }

  #entries(entries: Iterable<readonly [unknown, unknown]>, depth: number): void {
    this.text("{");
    let count = 0;
    for (const [key, value] of entries) {
      if (this.#isFull) break;
      if (count++ > 0) this.text(",");
      const name = String(key);
      this.text(`${JSON.stringify(name.slice(0, MOST_CHARACTERS))}:`);
      if (secretName.test(name)) this.text("(hidden)");
      else this.value(value, depth + 1);
    }
    this.text("}");
  }
}

/** One by one: the list of all keys of a large object is large too. */
function* ownEntries(object: object): Iterable<readonly [string, unknown]> {
  for (const key in object)
    if (Object.hasOwn(object, key)) yield [key, (object as Record<string, unknown>)[key]];
}

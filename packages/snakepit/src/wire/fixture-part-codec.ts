import type { Codec, PartSource } from "./codec.ts";
import { jsonCodec } from "./json-codec.ts";
import { valueTooLarge } from "./refusal.ts";

/** JSON in which every binary is a part, for tests: `{ "part": [callId, number] }` in its place. */
export const partCodec: Codec = {
  name: "json-with-parts",
  encoder(options) {
    const batch = jsonCodec.encoder(options);
    return {
      get bytes() {
        return batch.bytes;
      },
      get records() {
        return batch.records;
      },
      finish: (acked) => batch.finish(acked),
      add(record) {
        const parts: Uint8Array[] = [];
        const [, callId] = record;
        const plain = changed(record, (value) =>
          value instanceof Uint8Array ? { part: [callId, parts.push(value) - 1] } : undefined,
        ) as unknown[];
        if (parts.length === 0) return batch.add(plain);
        const bytes = parts.reduce((sum, { length }) => sum + length, 0);
        const { maxValueBytes = 0 } = options;
        if (bytes > maxValueBytes) throw valueTooLarge(bytes, maxValueBytes);
        const alone = jsonCodec.encoder(options);
        alone.add(plain);
        return { frame: alone.finish(0), parts };
      },
    };
  },
  decode: (document, parts) =>
    changed(jsonCodec.decode(document), (value) => part(value, parts)) as unknown[],
};

function part(value: unknown, parts: PartSource | undefined): Uint8Array | undefined {
  const named = (value as { part?: unknown } | null)?.part;
  if (!Array.isArray(named) || parts === undefined) return undefined;
  return parts.take(Number(named[0]), Number(named[1]));
}

/** The same with what `change` puts in the place of some of it. */
function changed(value: unknown, change: (value: unknown) => unknown): unknown {
  const other = change(value);
  if (other !== undefined) return other;
  if (Array.isArray(value)) return value.map((item) => changed(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, changed(item, change)]),
  );
}

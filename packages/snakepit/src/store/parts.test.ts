import { expect, test } from "vitest";
import { type CheckedChange, checkChanges } from "./check-arguments.ts";
import { limitDefaults, PART_BYTES } from "./limits.ts";
import { inParts, partCount, partsOf } from "./parts.ts";

function changesOf(sizes: readonly number[]): readonly CheckedChange[] {
  const changes = sizes.map((bytes, n) => {
    const value = new Uint8Array(bytes);
    return { kind: "set" as const, namespace: "n", name: `${n}`, type: "t", value };
  });
  return checkChanges(changes, limitDefaults);
}

test.each<[string, number[], number[]]>([
  ["a value of one part stays in the write", [PART_BYTES], []],
  ["a byte more does not", [PART_BYTES + 1], [0]],
  ["of many together only the first MiB does", Array(6).fill(PART_BYTES), [4, 5]],
  ["tiny ones always do", [...Array(4).fill(PART_BYTES), 4_096, 4_097], [5]],
])("%s", (_, sizes, expected) => {
  const changes = changesOf(sizes);
  const apart = inParts(changes);
  expect(changes.flatMap((change, n) => (apart.has(change) ? [n] : []))).toEqual(expected);
});

test("the parts of a value are the value", () => {
  for (const bytes of [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES]) {
    const value = new Uint8Array(bytes).map((_, n) => n % 251);
    const parts = [...partsOf(value)];
    expect(parts).toHaveLength(partCount(bytes));
    expect(Buffer.concat(parts).equals(value)).toBe(true);
    for (const part of parts) expect(part.length).toBeLessThanOrEqual(PART_BYTES);
  }
});

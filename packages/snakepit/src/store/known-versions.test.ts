import { expect, test } from "vitest";
import { KnownVersions } from "./known-versions.ts";

const list = (versions: Record<string, number>, origin = "first") => ({
  origin,
  versions: new Map(Object.entries(versions)),
});
const hint = (name: string, version: number, isDeleted = false) => ({
  namespace: "n",
  name,
  version,
  isDeleted,
});

test("what was heard is not told again, and what was missed is", () => {
  const known = new KnownVersions(list({ "n/same": 1, "n/changed": 1, "n/gone": 4, "n/heard": 1 }));
  known.note("n/heard", 2, false);
  known.note("n/came-and-went", 1, false);
  known.note("n/came-and-went", 1, true);
  const now = list({ "n/same": 1, "n/changed": 3, "n/heard": 2, "n/new": 1 });
  expect(known.catchUp(now)).toEqual([hint("gone", 4, true), hint("changed", 3), hint("new", 1)]);
  expect(known.catchUp(now)).toEqual([]);
});

test("a later session of the same id is another one, although its versions are the same", () => {
  const known = new KnownVersions(list({ "n/a": 1, "n/gone": 2 }));
  const hints = known.catchUp(list({ "n/a": 1 }, "second"));
  expect(hints).toEqual([hint("gone", 2, true), hint("a", 1)]);
});

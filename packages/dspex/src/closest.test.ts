import { expect, test } from "vitest";
import { closest } from "./closest.ts";

test.each([
  ["strng", ["str", "int"], "str"],
  ["flaot", ["int", "float"], "float"],
  ["maxlength", ["style", "maxLength"], "maxLength"],
  ["foo", ["bool", "int"], undefined],
  ["Person", ["str", "list", "dict"], undefined],
  ["", ["a"], undefined],
])("%s among %j means %s", (name, known, meant) => {
  expect(closest(name, known)).toBe(meant);
});

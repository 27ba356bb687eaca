import { expect, test } from "vitest";
import { shownValue } from "./shown-value.ts";

test.each([
  [{ a: 1, b: [true, null, "x\n"] }, '{"a":1,"b":[true,null,"x\\n"]}'],
  [undefined, "undefined"],
  [12n, "12n"],
  [new Map([["k", 1]]), '{"k":1}'],
  [new Uint8Array(5), "Uint8Array(5 bytes)"],
  [{ a: { a: { a: { a: { a: { a: { a: 1 } } } } } } }, '{"a":{"a":{"a":{"a":{"a":{"a":{…}}}}}}}'],
])("a value is shown as one line", (value, text) => {
  expect(shownValue(value)).toBe(text);
});

test.each([
  "password",
  "passwd",
  "db_pass",
  "userPassword",
  "api_key",
  "apiKey",
  "OPENAI_API_KEY",
  "accessToken",
  "Authorization",
  "client_secret",
  "set-cookie",
])("the value of %s is hidden", (name) => {
  expect(shownValue({ inner: [{ [name]: { deep: "hunter2" } }] })).not.toContain("hunter2");
});

test.each(["key", "keyboard", "passage", "author", "compass"])(
  "the value of %s is shown",
  (name) => {
    expect(shownValue({ [name]: "plain" })).toContain("plain");
  },
);

test("a large value is cut, and no more of it is looked at than is shown", () => {
  let looked = 0;
  const large = Array.from({ length: 100_000 }, () => ({
    get item() {
      return ++looked;
    },
  }));
  expect(shownValue(large)).toHaveLength(1_001);
  expect(looked).toBeLessThan(200);
  expect(shownValue("y".repeat(10_000_000))).toHaveLength(1_001);
});

test("a value that throws when it is looked at is said to be unreadable", () => {
  const value = {
    get trap() {
      throw new RangeError("no");
    },
  };
  expect(shownValue(value)).toBe("{(unreadable: RangeError)");
});

test("a value that contains itself is shown as far as it goes", () => {
  const value: { self?: object } = {};
  value.self = value;
  expect(shownValue(value)).toContain("{…}");
});

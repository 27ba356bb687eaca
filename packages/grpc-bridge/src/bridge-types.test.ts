import type { CallOptions, SessionOptions } from "snakepit";
import { expect, expectTypeOf, test } from "vitest";
import type { Bridge, BridgeOptions, createBridge, PythonSettings } from "./index.ts";

type Commands = {
  add: { args: { a: number; b: number }; reply: number };
  count: { args: { to: number }; chunk: number };
};

/** Only compiled: what they do is seen with real workers in `test-e2e`. */
const untyped = (bridge: Bridge) => [
  expectTypeOf(bridge.execute("words")).toEqualTypeOf<Promise<unknown>>(),
  expectTypeOf(bridge.execute<string[]>("words", {})).toEqualTypeOf<Promise<string[]>>(),
  expectTypeOf(bridge.stream("words")).toEqualTypeOf<AsyncIterableIterator<unknown, undefined>>(),
  expectTypeOf(bridge.stream<string>("words")).toEqualTypeOf<
    AsyncIterableIterator<string, undefined>
  >(),
  expectTypeOf(bridge.session().execute<string>("words")).toEqualTypeOf<Promise<string>>(),
  expectTypeOf(bridge.session().stream<string>("words")).toEqualTypeOf<
    AsyncIterableIterator<string, undefined>
  >(),
];

const typed = (bridge: Awaited<ReturnType<typeof createBridge<Commands>>>) => [
  expectTypeOf(bridge.execute("add", { a: 1, b: 2 })).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(bridge.stream("count", { to: 2 })).toEqualTypeOf<
    AsyncIterableIterator<number, undefined>
  >(),
  expectTypeOf(bridge.session().execute("add", { a: 1, b: 2 })).toEqualTypeOf<Promise<number>>(),
  // @ts-expect-error there is no such command
  bridge.execute("ad", { a: 1, b: 2 }),
  // @ts-expect-error a string is no number
  bridge.execute("add", { a: "1", b: 2 }),
  // @ts-expect-error nor in a session
  bridge.session().execute("ad"),
];

test("a reply has the type that the caller asserts, or that a map of commands says", () => {
  expect([untyped, typed]).toHaveLength(2); // the compiler has checked them
});

test("every option may be given as undefined", () => {
  type Undefined<Options> = { readonly [Name in keyof Options]-?: undefined };
  expectTypeOf<Undefined<CallOptions>>().toExtend<CallOptions>();
  expectTypeOf<Undefined<SessionOptions>>().toExtend<SessionOptions>();
  expectTypeOf<Undefined<PythonSettings>>().toExtend<PythonSettings>();
  expectTypeOf<Undefined<BridgeOptions>>().toExtend<BridgeOptions>();
});

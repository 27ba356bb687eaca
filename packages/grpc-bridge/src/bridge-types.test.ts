import type { CallOptions, Pool, SessionOptions } from "snakepit";
import { expect, expectTypeOf, test } from "vitest";
import type {
  Bridge,
  BridgeOptions,
  BridgeSession,
  createBridge,
  PythonSettings,
} from "./index.ts";

type Commands = {
  add: { args: { a: number; b: number }; reply: number };
  count: { args: { to: number }; chunk: number };
  version: { reply: string };
  log: { args: { text: string } };
  greet: { args: { name?: string }; reply: string };
  forget: { args: never; reply: boolean };
  translate: { args: { text: string }; reply: string; chunk: string };
};

interface ListedCommands {
  add: { args: { a: number; b: number }; reply: number };
  count: { args: { to: number }; chunk: number };
}

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

const options = { timeoutMs: 1_000 };

const typed = (bridge: Awaited<ReturnType<typeof createBridge<Commands>>>) => [
  expectTypeOf(bridge.execute("add", { a: 1, b: 2 })).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(bridge.stream("count", { to: 2 })).toEqualTypeOf<
    AsyncIterableIterator<number, undefined>
  >(),
  expectTypeOf(bridge.session().execute("add", { a: 1, b: 2 })).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(bridge.session().stream("count", { to: 2 }, options)).toEqualTypeOf<
    AsyncIterableIterator<number, undefined>
  >(),
  expectTypeOf(bridge.pool.execute("add", { a: 1, b: 2 })).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(bridge.execute("log", { text: "a" }, options)).toEqualTypeOf<Promise<unknown>>(),
  expectTypeOf(bridge.execute("translate", { text: "a" })).toEqualTypeOf<Promise<string>>(),
  expectTypeOf(bridge.stream("translate", { text: "a" })).toEqualTypeOf<
    AsyncIterableIterator<string, undefined>
  >(),
];

const leftOut = (bridge: Bridge<Commands>) => [
  bridge.execute("version"),
  bridge.execute("version", undefined, options),
  bridge.execute("version", {}, options),
  bridge.execute("greet"),
  bridge.execute("greet", {}),
  bridge.execute("greet", undefined, options),
  bridge.execute("greet", { name: "Ada" }, options),
  bridge.execute("forget", undefined, options),
];

const refused = (bridge: Bridge<Commands>) => [
  // @ts-expect-error there is no such command
  bridge.execute("ad", { a: 1, b: 2 }),
  // @ts-expect-error a string is no number
  bridge.execute("add", { a: "1", b: 2 }),
  // @ts-expect-error something is missing
  bridge.execute("add", { a: 1 }),
  // @ts-expect-error everything is missing
  bridge.execute("add"),
  // @ts-expect-error options do not stand for arguments
  bridge.execute("add", undefined, options),
  // @ts-expect-error there is no such option
  bridge.execute("add", { a: 1, b: 2 }, { timeout: 1 }),
  // @ts-expect-error it takes nothing
  bridge.execute("version", { a: 1 }),
  // @ts-expect-error it takes nothing
  bridge.execute("forget", { a: 1 }),
  // @ts-expect-error it has a name for it, and no number
  bridge.execute("greet", { name: 1 }),
  // @ts-expect-error it only streams
  bridge.execute("count", { to: 2 }),
  // @ts-expect-error it does not stream
  bridge.stream("add", { a: 1, b: 2 }),
  // @ts-expect-error nor does one without a reply
  bridge.stream("log", { text: "a" }),
  // @ts-expect-error everything is missing
  bridge.stream("count"),
];

const refusedElsewhere = (session: BridgeSession<Commands>, pool: Pool<Commands>) => [
  // @ts-expect-error there is no such command
  session.execute("ad"),
  // @ts-expect-error everything is missing
  session.execute("add"),
  // @ts-expect-error it only streams
  session.execute("count", { to: 2 }),
  // @ts-expect-error it does not stream
  session.stream("add", { a: 1, b: 2 }),
  // @ts-expect-error everything is missing
  pool.execute("add"),
  // @ts-expect-error it takes nothing
  pool.execute("version", { a: 1 }),
  // @ts-expect-error it does not stream
  pool.stream("add", { a: 1, b: 2 }),
];

const listed = (bridge: Awaited<ReturnType<typeof createBridge<ListedCommands>>>) => [
  expectTypeOf(bridge.execute("add", { a: 1, b: 2 })).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(bridge.session().stream("count", { to: 2 })).toEqualTypeOf<
    AsyncIterableIterator<number, undefined>
  >(),
  // @ts-expect-error there is no such command
  bridge.execute("ad", { a: 1, b: 2 }),
];

interface Misspelt {
  add: { arguments: { a: number } };
}

// @ts-expect-error a command has args, a reply, chunks
const misspelt = (bridge: Bridge<Misspelt>) => bridge;

const anywhere = (bridge: Bridge, session: BridgeSession, pool: Pool) => [bridge, session, pool];
const adding = (bridge: Bridge<Pick<Commands, "add">>) => bridge.execute("add", { a: 1, b: 2 });
const subtracting = (bridge: Bridge<{ subtract: Commands["add"] }>) => bridge;
const naming = (bridge: Bridge<{ add: { args: Commands["add"]["args"]; reply: string } }>) =>
  bridge;
const subtractingIn = (session: BridgeSession<{ subtract: Commands["add"] }>) => session;

const passed = (bridge: Bridge<Commands>, listed: Bridge<ListedCommands>) => [
  anywhere(bridge, bridge.session(), bridge.pool),
  anywhere(listed, listed.session(), listed.pool),
  adding(bridge),
  adding(listed),
  // @ts-expect-error it has no such command
  subtracting(bridge),
  // @ts-expect-error it replies with a number
  naming(bridge),
  // @ts-expect-error it has no such command
  subtractingIn(bridge.session()),
];

/** Whoever writes down what `createBridge` gives has any bridge. */
const kept = (bridge: Awaited<ReturnType<typeof createBridge>>) => [
  expectTypeOf(bridge.execute<string[]>("words", {})).toEqualTypeOf<Promise<string[]>>(),
  anywhere(bridge, bridge.session(), bridge.pool),
];

test("a reply has the type that the caller asserts, or that a map of commands says", () => {
  expect([untyped, typed, listed, kept]).toHaveLength(4); // the compiler has checked them
});

test("a map of commands requires arguments, and tells calls from streams", () => {
  expect([leftOut, refused, refusedElsewhere, misspelt]).toHaveLength(4); // as above
});

test("a bridge with a map can be passed where a plain one is, or one with fewer commands", () => {
  expect([passed]).toHaveLength(1); // as above
});

test("every option may be given as undefined", () => {
  type Undefined<Options> = { readonly [Name in keyof Options]-?: undefined };
  expectTypeOf<Undefined<CallOptions>>().toExtend<CallOptions>();
  expectTypeOf<Undefined<SessionOptions>>().toExtend<SessionOptions>();
  expectTypeOf<Undefined<PythonSettings>>().toExtend<PythonSettings>();
  expectTypeOf<Undefined<BridgeOptions>>().toExtend<BridgeOptions>();
});

import { expect, expectTypeOf, test } from "vitest";
import type { AnyCommands, CallParameters, CallsOf } from "./command-types.ts";
import { createPool } from "./create-pool.ts";
import type { CallOptions, Pool } from "./pool.ts";
import type { Session } from "./session.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";

type Commands = {
  add: { args: { a: number; b: number }; reply: number };
  count: { args: { to: number }; chunk: number };
  version: { reply: string };
};

const handlers = {
  add: (args: unknown) => {
    const { a, b } = args as Commands["add"]["args"];
    return a + b;
  },
  async *count(args: unknown) {
    for (let n = 1; n <= (args as { to: number }).to; n++) yield n;
  },
  version: () => "1.0",
};

test("a map of commands types what they take and give, everywhere", async () => {
  await using pool = await createPool<Commands>({ adapter: fakeAdapter({ handlers }) });
  const sum = await pool.execute("add", { a: 40, b: 2 });
  expectTypeOf(sum).toEqualTypeOf<number>();
  expect(sum).toBe(42);

  const version = await pool.execute("version");
  expectTypeOf(version).toEqualTypeOf<string>();
  expect(version).toBe("1.0");

  const chunks: number[] = [];
  for await (const n of pool.stream("count", { to: 3 })) {
    expectTypeOf(n).toEqualTypeOf<number>();
    chunks.push(n);
  }
  expect(chunks).toEqual([1, 2, 3]);

  await using session = pool.session();
  expectTypeOf(session.execute<"add">)
    .parameter(1)
    .toEqualTypeOf<{ a: number; b: number }>();
  expectTypeOf(await session.execute("add", { a: 1, b: 1 })).toEqualTypeOf<number>();
});

test("an unknown command, and arguments of another shape, do not compile", async () => {
  await using pool = await createPool<Commands>({ adapter: fakeAdapter({ handlers }) });
  await using session = pool.session();
  const wrong = [
    // @ts-expect-error there is no such command
    () => pool.execute("ad", { a: 1, b: 2 }),
    // @ts-expect-error a string is no number
    () => pool.execute("add", { a: "1", b: 2 }),
    // @ts-expect-error something is missing
    () => pool.execute("add", { a: 1 }),
    // @ts-expect-error everything is missing
    () => pool.execute("add"),
    // @ts-expect-error it takes nothing
    () => pool.execute("version", { of: "add" }),
    // @ts-expect-error there is no such command
    () => pool.stream("counts", { to: 3 }),
    // @ts-expect-error it does not stream
    () => pool.stream("add", { a: 1, b: 2 }),
    // @ts-expect-error it only streams
    () => pool.execute("count", { to: 3 }),
    // @ts-expect-error nor in a session
    () => session.execute("ad", { a: 1, b: 2 }),
    // @ts-expect-error nor in a session
    () => session.execute("add"),
    // @ts-expect-error nor in a session
    () => session.stream("version"),
  ];
  expect(wrong).toHaveLength(11); // the compiler has checked them
});

test("without a map every command is allowed, and what it gives is unknown", async () => {
  await using pool = await createPool({ adapter: fakeAdapter({ handlers }) });
  const sum = await pool.execute("add", { a: 1, b: 2 });
  expectTypeOf(sum).toEqualTypeOf<unknown>();
  expectTypeOf(pool.stream("count", { to: 2 })).toEqualTypeOf<
    AsyncIterableIterator<unknown, undefined>
  >();
  expectTypeOf(pool.session().execute).parameter(0).toEqualTypeOf<string>();
  expect(sum).toBe(3);
});

test("arguments may be left out where none are required, and options follow them", () => {
  type With<Args> = CallParameters<{ args: Args }>;
  type Left<Args> = [args?: Args, options?: CallOptions];
  type None = Left<Readonly<Record<string, never>>>;
  type Needed<Args> = [args: Args, options?: CallOptions];
  expectTypeOf<With<{ n: number }>>().toEqualTypeOf<Needed<{ n: number }>>();
  expectTypeOf<With<string>>().toEqualTypeOf<Needed<string>>();
  expectTypeOf<With<readonly [string, number]>>().toEqualTypeOf<
    Needed<readonly [string, number]>
  >();
  expectTypeOf<With<string | number>>().toEqualTypeOf<Needed<string | number>>();
  expectTypeOf<With<{ n?: number }>>().toEqualTypeOf<Left<{ n?: number }>>();
  expectTypeOf<With<unknown>>().toEqualTypeOf<Left<unknown>>();
  expectTypeOf<With<undefined>>().toEqualTypeOf<Left<undefined>>();
  expectTypeOf<With<number | undefined>>().toEqualTypeOf<Left<number | undefined>>();
  expectTypeOf<With<Record<string, unknown>>>().toEqualTypeOf<Left<Record<string, unknown>>>();
  expectTypeOf<With<never>>().toEqualTypeOf<None>();
  expectTypeOf<CallParameters<{ reply: number }>>().toEqualTypeOf<None>();
  expectTypeOf<CallParameters<{ args?: number }>>().toEqualTypeOf<Left<number>>();
});

test("a pool with a map is one without, and one with fewer commands, but no other", async () => {
  await using pool = await createPool<Commands>({ adapter: fakeAdapter({ handlers }) });
  const plain = (any: Pool, session: Session) => [any, session];
  const smaller = (some: Pool<Pick<Commands, "add">>) => some.execute("add", { a: 1, b: 2 });
  const other = (none: Pool<{ subtract: Commands["add"] }>) => none;
  const different = (sum: Pool<{ add: { args: { a: number; b: number }; reply: string } }>) => sum;
  expect(plain(pool, pool.session())[0]).toBe(pool);
  expect(await smaller(pool)).toBe(3);
  // @ts-expect-error it has no such command
  expect(other(pool)).toBe(pool);
  // @ts-expect-error it replies with a number
  expect(different(pool)).toBe(pool);
  expectTypeOf<Pool>().toEqualTypeOf<Pool<AnyCommands>>();
});

test("a function over any of the commands passes their arguments on", async () => {
  await using pool = await createPool<Commands>({ adapter: fakeAdapter({ handlers }) });
  const call = <Name extends keyof CallsOf<Commands>>(
    name: Name,
    ...parameters: CallParameters<Commands[Name]>
  ) => pool.execute(name, ...parameters);
  const sum = await call("add", { a: 1, b: 2 });
  expectTypeOf(sum).toEqualTypeOf<number>();
  expect(sum).toBe(3);
  expect(await call("version")).toBe("1.0");
});

import { expect, expectTypeOf, test } from "vitest";
import { createPool } from "./create-pool.ts";
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
    .toEqualTypeOf<{ a: number; b: number } | undefined>();
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
    // @ts-expect-error there is no such command
    () => pool.stream("counts", { to: 3 }),
    // @ts-expect-error nor in a session
    () => session.execute("ad", { a: 1, b: 2 }),
  ];
  expect(wrong).toHaveLength(5); // the compiler has checked them
});

test("without a map every command is allowed, and what it gives is unknown", async () => {
  await using pool = await createPool({ adapter: fakeAdapter({ handlers }) });
  const sum = await pool.execute("add", { a: 1, b: 2 });
  expectTypeOf(sum).toEqualTypeOf<unknown>();
  expect(sum).toBe(3);
});

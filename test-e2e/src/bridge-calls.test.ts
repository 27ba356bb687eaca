import { expect, test } from "vitest";
import { temporaryFolder, testBridge, written } from "./workspace.ts";

for (const transport of ["socket", "grpc"] as const) {
  test(`a call crosses to Python and back over ${transport}`, async () => {
    const bridge = await testBridge({ transport });
    expect(await bridge.execute("echo", { text: "hi", n: [1, 2.5, null, true] })).toEqual({
      text: "hi",
      n: [1, 2.5, null, true],
    });
    expect(await bridge.python.call("math.sqrt", [16])).toBe(4);
    expect(await bridge.python.call("json.dumps", [{ b: 1 }], { kwargs: { indent: 2 } })).toBe(
      '{\n  "b": 1\n}',
    );
    const many = await Promise.all(
      Array.from({ length: 500 }, (_, n) => bridge.execute("echo", { n })),
    );
    expect(many).toEqual(Array.from({ length: 500 }, (_, n) => ({ n })));
    expect(bridge.status().pools["default"]).toMatchObject({ transport, spawnReason: undefined });
  });

  test(`a stream keeps its order, however fast, over ${transport}`, async () => {
    const bridge = await testBridge({ transport });
    let expected = 0;
    for await (const chunk of bridge.stream("e2e.count", { n: 20_000 }))
      expect(chunk).toBe(expected++);
    expect(expected).toBe(20_000);
    const chunks: unknown[] = [];
    for await (const chunk of bridge.stream("e2e.count_async", { n: 3 })) chunks.push(chunk);
    expect(chunks).toEqual([0, 1, 2]);
  });

  test(`a Python exception keeps its type, message and traceback over ${transport}`, async () => {
    const bridge = await testBridge({ transport });
    const error = await bridge.execute("e2e.fail").catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "REMOTE",
      outcome: "failed",
      details: {
        type: "ValueError",
        message: "the answer is not 42",
        traceback: expect.stringContaining("e2e_commands.py"),
      },
    });
  });
}

test("an error of a Python function names the function", async () => {
  const bridge = await testBridge();
  const call = (path: string, args: unknown[], timeoutMs = 30_000) =>
    bridge.python.call(path, args, { timeoutMs }).catch((error: unknown) => error);
  expect(await call("json.loads", ["{"])).toMatchObject({
    message: expect.stringContaining('JSONDecodeError in python.call("json.loads"): Expecting'),
    details: { type: "JSONDecodeError", path: "json.loads" },
  });
  // An exception without a text.
  expect(await call("_thread.exit", [])).toMatchObject({
    message: '[REMOTE] SystemExit in python.call("_thread.exit")',
  });
  expect(await call("asyncio.sleep", [30], 50)).toMatchObject({
    code: "TIMEOUT",
    message: expect.stringContaining('python.call("asyncio.sleep")'),
  });
});

test("leaving a stream stops its generator, whose clean-up runs", async () => {
  const bridge = await testBridge();
  const mark = `${temporaryFolder()}/mark`;
  for await (const chunk of bridge.stream("e2e.count", { n: 10_000_000, mark }))
    if (chunk === 5) break;
  expect(await written(mark)).toBe("closed");
  expect(await bridge.execute("e2e.pid")).toBeTypeOf("number");
});

test("a slow reader stops the producer at its credit", async () => {
  const bridge = await testBridge();
  const stream = bridge.stream("e2e.produce", { n: 1_000_000 });
  await stream.next();
  const produced = () => bridge.execute("e2e.produced") as Promise<number>;
  while ((await produced()) < 1_024) await bridge.execute("echo", {});
  // One was read; were the producer not held, a hundred calls later it would be far beyond.
  for (let n = 0; n < 100; n++) await bridge.execute("echo", { n });
  expect(await produced()).toBeLessThanOrEqual(1_026);
  for (let n = 1; n < 5_000; n++) expect((await stream.next()).value).toBe(n);
  await stream.return?.();
});

test("what a worker logs is an event of the pool", async () => {
  const bridge = await testBridge();
  const logged = new Promise((resolve) => bridge.pool.on("worker-log", resolve));
  await bridge.execute("e2e.log", { message: "the disk is nearly full" });
  expect(await logged).toMatchObject({ level: "warning", message: "the disk is nearly full" });
});

test("an unknown command is refused with the nearest name", async () => {
  const bridge = await testBridge();
  const error = await bridge.execute("ecko", {}).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "UNKNOWN_COMMAND", outcome: "not-started" });
  expect(String(error)).toContain("echo");
});

test("missing and unexpected arguments are named", async () => {
  const bridge = await testBridge();
  await expect(bridge.execute("e2e.exit", {})).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("code"),
  });
  await expect(bridge.execute("e2e.pid", { verbose: true })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("verbose"),
  });
});

test("a Map with keys that are no names is refused as arguments, and its worker goes on", async () => {
  const bridge = await testBridge();
  const pid = await bridge.execute("e2e.pid");
  const args = new Map([[1, 1]]);
  const refusal = { code: "INVALID_ARGUMENT", outcome: "not-started" };
  for (const command of ["ping", "e2e.sleep_async", "e2e.remaining", "python.call"])
    await expect(bridge.execute(command, args), command).rejects.toMatchObject(refusal);
  for (const command of ["e2e.count", "e2e.count_async"]) {
    const chunks = bridge.stream(command, args)[Symbol.asyncIterator]();
    await expect(chunks.next(), command).rejects.toMatchObject(refusal);
  }
  expect(await bridge.execute("e2e.pid")).toBe(pid);
});

test("a value that cannot be carried is refused by path and type, in both directions, alone", async () => {
  const bridge = await testBridge();
  const [bad, good, reply] = await Promise.allSettled([
    bridge.execute("echo", { list: [1, () => 2] }),
    bridge.execute("echo", { n: 1 }),
    bridge.execute("e2e.unserialisable"),
  ]);
  expect(bad).toMatchObject({
    reason: { code: "SERIALIZATION", details: { path: "args.list[1]" } },
  });
  expect(good).toMatchObject({ value: { n: 1 } });
  expect(reply).toMatchObject({
    reason: { code: "SERIALIZATION", details: { path: expect.stringContaining("items[1]") } },
  });
});

test("a message above the limit fails alone, on its way there and on its way back", async () => {
  const bridge = await testBridge();
  const big = "x".repeat(65 * 1024 * 1024);
  const [there, neighbour, back] = await Promise.allSettled([
    bridge.execute("echo", { big }),
    bridge.execute("echo", { n: 1 }),
    bridge.python.call("operator.mul", ["x", 65 * 1024 * 1024]),
  ]);
  expect(there).toMatchObject({ reason: { code: "VALUE_TOO_LARGE" } });
  expect(neighbour).toMatchObject({ value: { n: 1 } });
  expect(back).toMatchObject({ reason: { code: "VALUE_TOO_LARGE" } });
  expect(await bridge.execute("echo", { n: 2 })).toEqual({ n: 2 });
});

test("values are exact: integers beyond 32 bits, floats, bytes, keys that look like prototypes", async () => {
  const bridge = await testBridge();
  const values = {
    big: 2 ** 40 + 1,
    huge: 2n ** 63n - 1n,
    negativeZero: -0,
    nan: Number.NaN,
    infinity: Number.POSITIVE_INFINITY,
    bytes: new Uint8Array([0, 1, 255]),
    text: "é🐍\u0000",
    ["__proto__"]: { polluted: true },
  };
  const reply = (await bridge.execute("echo", values)) as Record<string, unknown>;
  expect(reply["big"]).toBe(2 ** 40 + 1);
  expect(reply["huge"]).toBe(2n ** 63n - 1n);
  expect(Object.is(reply["negativeZero"], -0)).toBe(true);
  expect(reply["nan"]).toBeNaN();
  expect(reply["infinity"]).toBe(Number.POSITIVE_INFINITY);
  expect(reply["bytes"]).toEqual(new Uint8Array([0, 1, 255]));
  expect(reply["text"]).toBe("é🐍\u0000");
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(await bridge.python.call("builtins.repr", [2 ** 40])).toBe("1099511627776");
});

test("a bridge whose workers have no DSPy says which options bring it", async () => {
  const bridge = await testBridge();
  const args = {
    program: { module: "predict", signature: { inputs: [], outputs: [] } },
    inputs: {},
  } as unknown as Parameters<typeof bridge.dspy.predict>[0];
  const refusal = {
    code: "UNKNOWN_COMMAND",
    outcome: "not-started",
    message: expect.stringMatching(
      /no DSPy; .*extras: \["dspy"\], preload: \["snakepit_bridge\.dspy"\].*`npx snakepit-bridge setup --extra dspy`/,
    ),
  };
  await expect(bridge.dspy.predict(args)).rejects.toMatchObject(refusal);
  await expect(bridge.dspy.predictStream(args).next()).rejects.toMatchObject(refusal);
});

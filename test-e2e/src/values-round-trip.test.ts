import * as bridgeExports from "snakepit-grpc-bridge";
import { type ArrowTable, type Bridge, pyTypeName } from "snakepit-grpc-bridge";
import { describe, expect, test } from "vitest";
import { build, className, show, valueCases } from "../../proto/values.ts";
import { testBridge } from "./workspace.ts";

interface Seen {
  readonly type: string;
  readonly same: boolean;
  readonly value: unknown;
}

/** A row of the table: what Python saw, what came back, and whether both are what was sent. */
type Row = readonly [name: string, python: string, typescript: string, verdict: string];

const preload = ["e2e_commands", "value_commands"];

describe.each(["socket", "grpc"] as const)("over %s", (transport) => {
  test("every kind of value is seen by Python as what it is, and comes back as it was", async () => {
    const bridge = await testBridge({ transport, python: { preload } });
    const rows: Row[] = [];
    for (const { name, value, python, typescript } of valueCases) {
      const description = JSON.stringify(value);
      const made = await bridge.execute("e2e.build", { description });
      const isTable = typescript === "ArrowTable";
      const sent = isTable ? made : build(value, bridgeExports);
      const seen = (await bridge.execute("e2e.compare", { value: sent, description })) as Seen;
      // Of a table, the bytes of the stream may differ: padding, and the order of its metadata.
      const isBack = isTable || (show(seen.value) === show(sent) && show(made) === show(sent));
      const isRight =
        seen.same && isBack && seen.type === python && className(seen.value) === typescript;
      rows.push([name, seen.type, className(seen.value), isRight ? "exact" : "DIFFERS"]);
    }
    print(transport, rows);
    expect(rows.filter(([, , , verdict]) => verdict !== "exact")).toEqual([]);
    expect(rows).toHaveLength(valueCases.length);
  }, 60_000);

  test("a hundred calls with a bad value among them fail alone, each with its path", async () => {
    const bridge = await testBridge({ transport, python: { preload } });
    class Own {}
    const bad = [
      () => 1,
      Symbol("s"),
      new Own(),
      /x/,
      new Error("e"),
      "\ud800",
      new Date(Number.NaN),
      circle(),
      deep(101),
      "x".repeat(70 * 1024 * 1024),
    ];
    const calls = Array.from({ length: 100 }, (_, index) => {
      const value = index % 10 === 5 ? bad[Math.floor(index / 10)] : index;
      return bridge.execute("echo", { items: [value] }).catch((error: unknown) => error);
    });
    const answers = await Promise.all(calls);
    for (const [index, answer] of answers.entries()) {
      if (index % 10 !== 5) {
        expect(answer).toEqual({ items: [index] });
        continue;
      }
      expect(answer).toMatchObject({
        code: index === 95 ? "VALUE_TOO_LARGE" : "SERIALIZATION",
        outcome: "not-started",
      });
    }
  });

  test("a bad value in Python's reply fails alone, with its path and its class", async () => {
    const bridge = await testBridge({ transport, python: { preload } });
    const calls = [0, 1, 2].map((index) =>
      index === 1
        ? bridge.execute("e2e.opaque").catch((error: unknown) => error)
        : bridge.execute("echo", { index }),
    );
    const [first, second, third] = await Promise.all(calls);
    expect([first, third]).toEqual([{ index: 0 }, { index: 2 }]);
    expect(second).toMatchObject({
      code: "SERIALIZATION",
      details: { path: "value.it", type: "value_commands.Opaque" },
    });
    expect(String(second)).not.toContain("s3cret");
  });
});

test("what Python cannot make of a value ends its call alone, before it begins", async () => {
  const bridge = await testBridge({ python: { preload } });
  const { PyEnum, PyDateTime, PyPath } = bridgeExports;
  const cases: [unknown, string, string, string][] = [
    [new Set([[1]]), "SERIALIZATION", "args.value", "tuple"],
    [new Set([1, true]), "SERIALIZATION", "args.value", "equal"],
    [
      {
        deep: [
          new Map<unknown, unknown>([
            [1, "a"],
            [true, "b"],
          ]),
        ],
      },
      "SERIALIZATION",
      "args.value.deep[0]",
      "equal",
    ],
    [new PyEnum("os.Colour", "RED", 1), "NOT_FOUND", "args.value", "os.Colour"],
    [new PyEnum("os.path", "join", 1), "NOT_FOUND", "args.value", "os.path"],
    [new PyDateTime("2024-01-01T00:00:00+00:00[Mars/Phobos]"), "NOT_FOUND", "args.value", "tzdata"],
    [new PyPath("a\0b"), "none", "", ""],
  ];
  const answers = await Promise.all(
    cases.map(([value]) => bridge.execute("e2e.describe", { value }).catch((e: unknown) => e)),
  );
  for (const [index, [, code, path, hint]] of cases.entries()) {
    if (code === "none") {
      expect(answers[index]).toMatchObject({ type: "pathlib.PosixPath" });
      continue;
    }
    expect(answers[index]).toMatchObject({ code, outcome: "not-started", details: { path } });
    expect(String(answers[index])).toContain(hint);
  }
  await expect(bridge.execute("e2e.nothing", { value: cases[0]?.[0] })).rejects.toMatchObject({
    code: "UNKNOWN_COMMAND",
  });
  expect(await bridge.execute("e2e.pid")).toBeTypeOf("number");
});

test("plain JavaScript data are what one would write in Python", async () => {
  const bridge = await testBridge({ python: { preload } });
  const repr = async (value: unknown) =>
    ((await bridge.execute("e2e.describe", { value })) as { repr: string }).repr;
  expect(await repr(new Date("2024-05-17T09:30:00.123Z"))).toBe(
    "datetime.datetime(2024, 5, 17, 9, 30, 0, 123000, tzinfo=datetime.timezone.utc)",
  );
  expect(await repr(new Set(["a"]))).toBe("{'a'}");
  expect(
    await repr(
      new Map([
        [1, undefined],
        [2, 3],
      ] as never),
    ),
  ).toBe("{2: 3}");
  expect(await repr({ a: undefined, b: [undefined] })).toBe("{'b': [None]}");
  expect(await repr(new Float32Array([1.5, 2]))).toBe("array([1.5, 2. ], dtype=float32)");
  expect(await repr(new BigInt64Array([-1n]))).toBe("array([-1])");
  expect(await repr(new Uint8Array([1]))).toBe("b'\\x01'");
  expect(await repr(bridgeExports.pyFloat(3))).toBe("3.0");
  expect(await repr(3)).toBe("3");
  expect(await repr(JSON.parse('{"__proto__": {"constructor": 1}}'))).toBe(
    "{'__proto__': {'constructor': 1}}",
  );
});

test("a dataclass and a pydantic model keep their name, and are themselves where annotated", async () => {
  const bridge = await testBridge({ python: { preload } });
  const answer = (await bridge.execute("e2e.answer", { text: "hi" })) as {
    readonly points: readonly unknown[];
  };
  expect(answer).toEqual({ text: "hi", points: [{ x: 1.5, label: "p" }] });
  expect(Object.getPrototypeOf(answer)).toBeNull();
  expect(pyTypeName(answer)).toBe("value_commands.Answer");
  expect(pyTypeName(answer.points[0])).toBe("value_commands.Point");
  expect(await bridge.execute("e2e.take_answer", { answer, point: { x: 2 } })).toBe(
    "Answer 1.5 Point 2.0",
  );
  const failed = bridge.execute("e2e.take_answer", { answer: { text: 1 }, point: { x: 2 } });
  await expect(failed).rejects.toMatchObject({ code: "INVALID_ARGUMENT", outcome: "not-started" });
});

test("a table goes to apache-arrow and back, from pandas and to pandas", async () => {
  const bridge = await testBridge({ python: { preload } });
  const description = JSON.stringify({ table: "pandas.DataFrame" });
  const table = (await bridge.execute("e2e.build", { description })) as ArrowTable;
  expect(table.source).toBe("pandas.DataFrame");
  const arrow = await table.toArrow<{ numRows: number; getChild(n: string): Iterable<unknown> }>();
  expect(arrow.numRows).toBe(3);
  expect([...arrow.getChild("text")]).toEqual(["a", null, "ü"]);
  const again = await bridgeExports.ArrowTable.from(arrow, "pandas.DataFrame");
  expect(await bridge.execute("e2e.compare", { value: again, description })).toMatchObject({
    type: "pandas.DataFrame",
    same: true,
  });
});

describe("an object that has no form on the wire", () => {
  test("is a placeholder, if that is wanted, with nothing of its repr", async () => {
    const bridge = await testBridge({ python: { preload, unknownObjects: "placeholder" } });
    const { it, pile, ordered } = (await bridge.execute("e2e.opaque")) as Record<string, unknown>;
    expect(it).toEqual(
      new bridgeExports.PyPlaceholder("value_commands.Opaque", "value_commands.Opaque"),
    );
    expect(pile).toMatchObject({ summary: "value_commands.Pile (2 items)" });
    expect(ordered).toMatchObject({ summary: "collections.OrderedDict (1 item)" });
    await expect(bridge.execute("echo", { it })).rejects.toMatchObject({
      code: "SERIALIZATION",
      details: { path: "args.it", type: "PyPlaceholder" },
    });
  });

  test("is a reference, if that is wanted, and the object again in its own worker", async () => {
    const bridge = await testBridge({ python: { preload, unknownObjects: "ref" } });
    const { it } = await opaque(bridge);
    expect(it).toMatchObject({
      typeName: "value_commands.Opaque",
      summary: "value_commands.Opaque",
      workerId: bridge.pool.workers()[0]?.id,
    });
    expect(await bridge.execute("e2e.secret_of", { it })).toBe("s3cret");
    expect(show(await bridge.execute("echo", { it: [it] }))).toContain(it.id);
    expect(await bridge.execute("python.release", { ids: [it.id, "no"] })).toBe(1);
    await expect(bridge.execute("e2e.secret_of", { it })).rejects.toMatchObject({
      code: "NOT_FOUND",
      outcome: "not-started",
    });
  });

  test("is unknown to another worker, which says whose it is", async () => {
    const bridge = await testBridge({ python: { preload, unknownObjects: "ref" } });
    const other = await testBridge({ python: { preload, unknownObjects: "ref" } });
    const { it } = await opaque(bridge);
    await expect(other.execute("e2e.secret_of", { it })).rejects.toMatchObject({
      code: "SESSION_LOST",
      outcome: "not-started",
      message: expect.stringContaining(it.workerId),
    });
  });

  test("ends with the session that it was made in, and with no other", async () => {
    const bridge = await testBridge({ python: { preload, unknownObjects: "ref" } });
    const session = bridge.pool.session("one");
    const { it } = (await session.execute("e2e.opaque")) as { it: bridgeExports.PyRef };
    const { it: free } = await opaque(bridge);
    expect(await session.execute("e2e.secret_of", { it })).toBe("s3cret");
    await session.delete();
    await expect
      .poll(() => bridge.execute("e2e.secret_of", { it }).catch((e: unknown) => e))
      .toMatchObject({ code: "NOT_FOUND" });
    expect(await bridge.execute("e2e.secret_of", { it: free })).toBe("s3cret");
  });
});

async function opaque(bridge: Bridge): Promise<{ readonly it: bridgeExports.PyRef }> {
  return (await bridge.execute("e2e.opaque")) as { it: bridgeExports.PyRef };
}

function circle(): unknown {
  const set = new Set<unknown>();
  set.add([set]);
  return set;
}

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = new Set([value]);
  return value;
}

/** The round-trip table by which this part of the bridge is judged. */
function print(transport: string, rows: readonly Row[]): void {
  const lines = rows.map(
    ([name, python, typescript, verdict]) =>
      `${name.padEnd(38)} ${python.padEnd(32)} ${typescript.padEnd(14)} ${verdict}`,
  );
  console.log(`round trips over ${transport}\n${lines.join("\n")}`);
}

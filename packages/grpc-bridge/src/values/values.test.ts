import { runInNewContext } from "node:vm";
import { build, builtCases, className, show } from "@snakepit/proto/values.ts";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import * as classes from "../index.ts";
import { messagePackCodec } from "./msgpack-codec.ts";

function echo(value: unknown): unknown {
  const encoder = messagePackCodec.encoder({ headroom: 0, maxBytes: 1024 * 1024 });
  encoder.add([0, 1, "echo", value]);
  const [, record] = messagePackCodec.decode(encoder.finish(0)) as [number, unknown[]];
  return record[3];
}

describe("each of the shared cases comes back as it was", () => {
  test.each(builtCases)("$name", ({ value, typescript }) => {
    const built = build(value, classes);
    const back = echo(built);
    expect(show(back)).toBe(show(built));
    expect(className(back)).toBe(typescript);
  });
});

/** Descriptions as in `values.json`; without -0, which a JavaScript set or map makes 0. */
const description = fc.letrec((tie) => {
  const scalar = fc.oneof(
    fc.constantFrom(null, true, false),
    fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }).map((value) => ({ int: String(value) })),
    fc.double().map((value) => ({ float: String(value + 0).replace("Infinity", "inf") })),
    fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
    fc.uint8Array().map((bytes) => ({ bytes: Buffer.from(bytes).toString("hex") })),
    fc.constantFrom(...builtCases.map(({ value }) => value).filter((value) => !isMinusZero(value))),
    fc.uuid().map((uuid) => ({ uuid })),
    fc
      .date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
      .map((date) => ({ datetime: date.toISOString() })),
    fc
      .tuple(fc.integer({ min: -1e8, max: 1e8 }), fc.nat(86_399), fc.nat(999_999))
      .map((timedelta) => ({ timedelta })),
    fc
      .uint8Array({ maxLength: 500 })
      .map((data) => ({ array: ["int8", [data.length, 1], Buffer.from(data).toString("hex")] })),
  );
  const items = fc.array(tie("any"), { maxLength: 6 });
  const any = fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    scalar,
    items.map((list) => ({ list })),
    items.map((tuple) => ({ tuple })),
    items.map((set) => ({ set })),
    items.map((frozenset) => ({ frozenset })),
    fc.array(fc.tuple(scalar, tie("any")), { maxLength: 20 }).map((dict) => ({ dict })),
  );
  return { scalar, any };
}).any;

function isMinusZero(described: unknown): boolean {
  return JSON.stringify(described) === '{"float":"-0.0"}';
}

test("whatever is made of these kinds arrives as it was, to the last bit", () => {
  fc.assert(
    fc.property(description, (described) => {
      const built = build(described, classes);
      expect(show(echo(built))).toBe(show(built));
    }),
    { seed: 20_261_121, numRuns: 1_500 },
  );
});

describe("values that plain JavaScript has", () => {
  test("a Date is a moment of UTC", () => {
    const back = echo(new Date("2024-05-17T09:30:00.123Z")) as classes.PyDateTime;
    expect(back).toBeInstanceOf(classes.PyDateTime);
    expect(back.iso).toBe("2024-05-17T09:30:00.123+00:00");
    expect(back.getTime()).toBe(Date.UTC(2024, 4, 17, 9, 30, 0, 123));
  });

  test("a typed array is an array of one dimension, also a window of a larger one", () => {
    const window = new Float64Array([0, 1, 2, 3]).subarray(1, 3);
    expect(show(echo(window))).toBe(
      show(new classes.Tensor({ dtype: "float64", shape: [2], data: new Float64Array([1, 2]) })),
    );
    expect(echo(new Uint8ClampedArray(2))).toMatchObject({ dtype: "uint8", shape: [2] });
    expect(echo(new BigUint64Array(1))).toMatchObject({ dtype: "uint64" });
  });

  test("those of another realm are the same", () => {
    const run = (code: string) => echo(runInNewContext(code));
    expect(run("new Set([1])")).toEqual(new Set([1]));
    expect(run("new Date(0)")).toMatchObject({ iso: "1970-01-01T00:00:00.000+00:00" });
    expect(run("new Float32Array(2)")).toMatchObject({ dtype: "float32", shape: [2] });
    expect(run("new Map([[1, 2]])")).toEqual(new Map([[1, 2]]));
  });

  test("a map keeps null and undefined apart from what is left out", () => {
    const map = new Map<unknown, unknown>([
      [1, undefined],
      [2, null],
      [undefined, 3],
    ]);
    expect(echo(map)).toEqual(
      new Map<unknown, unknown>([
        [2, null],
        [null, 3],
      ]),
    );
  });

  test("a large array moves its batch to a larger slab, and those before it stay", () => {
    const encoder = messagePackCodec.encoder({ headroom: 0, maxBytes: 16 * 1024 * 1024 });
    const data = new Float64Array(500_000).map((_, index) => index / 7);
    encoder.add([0, 1, "a", new Set(["before"])]);
    encoder.add([0, 2, "b", [classes.PyTuple.of<unknown>(data, "x".repeat(1000))]]);
    const [, first, second] = messagePackCodec.decode(encoder.finish(0)) as [
      0,
      unknown[],
      unknown[],
    ];
    expect(first[3]).toEqual(new Set(["before"]));
    const [[tensor, text]] = second[3] as [[classes.Tensor, string]];
    expect(Buffer.from(tensor.data.buffer).equals(Buffer.from(data.buffer))).toBe(true);
    expect(text).toBe("x".repeat(1000));
  });
});

describe("classes refuse what they cannot be, with what they expect", () => {
  test.each<[string, () => unknown, RegExp]>([
    ["PyDateTime", () => new classes.PyDateTime("yesterday"), /ISO text such .*not of "yesterday"/],
    ["PyDateTime of nothing", () => new classes.PyDateTime(undefined as never), /not of undefined/],
    [
      "PyDateTime of no day",
      () => new classes.PyDateTime("2023-02-29T00:00:00"),
      /cannot be "2023-02-29T00:00:00": no calendar has that day/,
    ],
    [
      "PyDateTime with a zone alone",
      () => new classes.PyDateTime("2024-01-01T00:00:00[UTC]"),
      /offset .*"2024-01-01T00:00:00\[UTC\]" has none/,
    ],
    ["PyDate", () => new classes.PyDate("2024-1-1"), /ISO text such .*not of "2024-1-1"/],
    ["PyDate of no day", () => new classes.PyDate("2024-02-30"), /"2024-02-30": no calendar/],
    ["PyDate of a list", () => new classes.PyDate(["2024-02-29"] as never), /not of an array/],
    ["PyTime", () => new classes.PyTime("24:00"), /ISO text such .*not of "24:00"/],
    ["PyTime of a number", () => new classes.PyTime(9 as never), /not of 9/],
    ["PyTimeDelta", () => new classes.PyTimeDelta({ days: 0.5 }), /days .*integer, not 0\.5/],
    [
      "PyTimeDelta of nothing",
      () => new classes.PyTimeDelta(undefined as never),
      /not of undefined/,
    ],
    ["PyTimeDelta of a number", () => new classes.PyTimeDelta(5 as never), /not of 5; .*ofMillis/],
    [
      "PyTimeDelta of milliseconds",
      () => new classes.PyTimeDelta({ milliseconds: 5 } as never),
      /has no milliseconds; known are days, seconds, microseconds/,
    ],
    ["PyTimeDelta of hours", () => new classes.PyTimeDelta({ hours: 1 } as never), /has no hours/],
    ["PyTimeDelta too long", () => new classes.PyTimeDelta({ days: 1e9 }), /at most/],
    ["PyDecimal", () => new classes.PyDecimal("1,5"), /such as "1\.50", not of "1,5"/],
    ["PyDecimal of a number", () => new classes.PyDecimal(1.5 as never), /text.*not of 1\.5/],
    ["PyUuid of a number", () => new classes.PyUuid(5 as never), /text.*not of 5/],
    ["PyUuid", () => new classes.PyUuid("c0ffee"), /c0ffee00-.*not of "c0ffee"/],
    ["PyPath", () => new classes.PyPath("a", "Popen" as never), /flavour .*not "Popen"/],
    ["PyPath of nothing", () => new classes.PyPath(undefined as never), /text .*not of undefined/],
    ["pyFloat", () => classes.pyFloat("1" as never), /number, not "1"/],
    [
      "Tensor",
      () => new classes.Tensor({ dtype: "f4", shape: [-1], data: 1 } as never),
      /dtype is .*, not "f4"; shape is .*, not \[-1\]$/,
    ],
    [
      "Tensor of nothing",
      () => new classes.Tensor(undefined as never),
      /shape, data }, not of undef/,
    ],
    ...[
      ["of a buffer", new ArrayBuffer(4), /is an Int32Array, not an ArrayBuffer/],
      ["of other numbers", new Float32Array(1), /is an Int32Array, not a Float32Array/],
      ["of a list", [1], /is an Int32Array, not an array/],
    ].map(([name, data, message]): [string, () => unknown, RegExp] => [
      `Tensor ${name}`,
      () => new classes.Tensor({ dtype: "int32", shape: [1], data } as never),
      message as RegExp,
    ]),
    [
      "Tensor data",
      () => new classes.Tensor({ dtype: "int8", shape: [2], data: new Int8Array(3) }),
      /needs 2 elements, and data has 3/,
    ],
    ["ArrowTable", () => new classes.ArrowTable([] as never), /bytes/],
    ["PyRef", () => new classes.PyRef({} as never), /text/],
    ["PyRef of nothing", () => new classes.PyRef(undefined as never), /text/],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(message),
      }),
    );
  });
});

test("accessors and JSON say what a value is", () => {
  const moment = new classes.PyDateTime("2024-05-17T09:30:00.123456+02:00[Europe/Berlin]");
  expect(moment.getTime()).toBe(Date.UTC(2024, 4, 17, 7, 30, 0, 123));
  expect(moment).toMatchObject({ microsecond: 123_456, offset: "+02:00", zone: "Europe/Berlin" });
  expect(new classes.PyDateTime("2024-05-17T09:30:00").isNaive).toBe(true);
  const values = [
    moment,
    new classes.PyDate("2024-02-29"),
    new classes.PyTime("09:30"),
    classes.PyTimeDelta.ofMilliseconds(-1500),
    new classes.PyTimeDelta({ days: 2, microseconds: 5 }),
    new classes.PyDecimal("1.50"),
    new classes.PyUuid("C0FFEE00-0000-4000-8000-000000000000"),
    new classes.PyComplex(1, -0),
    new classes.PyPath("/tmp"),
    new classes.PyEnum("colours.Colour", "RED", "red"),
    classes.pyFloat(2),
    classes.PyTuple.of(1),
    new classes.PyFrozenSet([1]),
  ];
  expect(JSON.parse(JSON.stringify(values))).toEqual([
    "2024-05-17T09:30:00.123456+02:00[Europe/Berlin]",
    "2024-02-29",
    "09:30",
    "-PT1.5S",
    "P2DT0.000005S",
    "1.50",
    "c0ffee00-0000-4000-8000-000000000000",
    { real: 1, imaginary: 0 },
    "/tmp",
    "red",
    2,
    [1],
    [1],
  ]);
  expect(String(values[7])).toBe("1-0j");
  expect(String(values[9])).toBe("Colour.RED");
  expect((values[3] as classes.PyTimeDelta).totalMilliseconds).toBe(-1500);
  expect(new classes.PyDecimal("-Infinity").toNumber()).toBe(Number.NEGATIVE_INFINITY);
});

test("a table of apache-arrow comes and goes, and without the package says which it is", async () => {
  const { tableFromArrays } = await import("apache-arrow");
  const table = await classes.ArrowTable.from(tableFromArrays({ n: new Int32Array([1, 2]) }));
  const back = await (echo(table) as classes.ArrowTable).toArrow<{ numRows: number }>();
  expect(back.numRows).toBe(2);
  vi.doMock("apache-arrow", () => {
    throw new Error("Cannot find package");
  });
  onTestFinished(() => {
    vi.doUnmock("apache-arrow");
  });
  await expect(table.toArrow()).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringContaining("npm install apache-arrow"),
  });
});

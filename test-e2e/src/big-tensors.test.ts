import { ArrowTable, Tensor } from "snakepit-grpc-bridge";
import { describe, expect, test } from "vitest";
import { testBridge } from "./workspace.ts";

const preload = ["e2e_commands", "value_commands"];
const rows = 1024;
const columns = 512;

function ramp(length: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => index / 4);
}

describe.each(["socket", "grpc"] as const)("over %s", (transport) => {
  test("an array of 2 MiB is doubled in place and comes back, beside others that are small", async () => {
    const bridge = await testBridge({ transport, python: { preload } });
    const data = ramp(rows * columns);
    const sent = {
      small: new Tensor({ dtype: "int32", shape: [2], data: Int32Array.of(1, 2) }),
      big: new Tensor({ dtype: "float32", shape: [rows, columns], data }),
      raw: new Uint8Array(300 * 1024).fill(7),
    };
    const back = (await bridge.execute("e2e.double_in_place", sent)) as typeof sent;
    expect(back.big).toBeInstanceOf(Tensor);
    expect(back.big.shape).toEqual([rows, columns]);
    expect(back.big.data).toEqual(data.map((value) => 2 * value));
    expect(back.small.data).toEqual(Int32Array.of(2, 4));
    expect(back.raw).toEqual(sent.raw);
  });

  test("a table, an array and bytes in one list come in their order, in a dict with other keys too", async () => {
    const bridge = await testBridge({ transport, python: { preload } });
    const list = (await bridge.execute("e2e.big_mixture", {})) as unknown[];
    expect(list.map((one) => one?.constructor.name)).toEqual([
      "Uint8Array",
      "Tensor",
      "ArrowTable",
      "Uint8Array",
      "Map",
    ]);
    const [first, tensor, table, last, map] = list as [
      Uint8Array,
      Tensor,
      ArrowTable,
      Uint8Array,
      Map<number, Tensor>,
    ];
    expect([first[0], first.length]).toEqual([1, 300_000]);
    expect([last[0], last.length]).toEqual([2, 400_000]);
    expect((tensor.data as Float64Array)[99_999]).toBe(99_999);
    expect([...map].map(([key, { data }]) => [key, data[99_999]])).toEqual([[1, 99_999]]);
    expect(table).toBeInstanceOf(ArrowTable);
    expect(await bridge.execute("e2e.big_mixture_is", { items: list })).toBe(true);
  });

  test("an array of 12 GB is refused before it is copied, also as the first that a worker sees", async () => {
    const bridge = await testBridge({ transport, maxWorkers: 1, python: { preload } });
    await expect(bridge.execute("e2e.endless_array")).rejects.toMatchObject({
      code: "VALUE_TOO_LARGE",
    });
    expect(bridge.pool.workers()[0]?.memoryBytes ?? 0).toBeLessThan(2 ** 30);
  });
});

import { randomFillSync } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { Bridge } from "snakepit-grpc-bridge";
import { describe, expect, test } from "vitest";
import { heldBytes } from "../../packages/snakepit/src/fixtures/held-bytes.ts";
import { until } from "../../packages/snakepit/src/fixtures/until.ts";
import { isRunning, made, temporaryFolder, testBridge } from "./workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

function noise(bytes: number): Uint8Array {
  return randomFillSync(new Uint8Array(bytes));
}

/** Node 20 has it, the library that our TypeScript compiles for has not. */
function resizable(bytes: number): ArrayBuffer & { resize(bytes: number): void } {
  const options = { maxByteLength: bytes };
  return Reflect.construct(ArrayBuffer, [bytes, options]);
}

/** Holds the event loop: nothing comes in meanwhile. */
function blockUntil(condition: () => boolean): void {
  const endMs = performance.now() + 20_000;
  while (!condition()) if (performance.now() > endMs) throw new Error(`never: ${condition}`);
}

/** Arguments, and when they are encoded: their first bytes are sent in the same turn. */
function onItsWay(data: () => readonly Uint8Array[]) {
  let tell!: () => void;
  const begun = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const args = {
    get data() {
      tell();
      return data();
    },
  };
  return { args, begun };
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

// Some take seconds, which are minutes on a slow machine with much else to do.
describe.each(["socket", "grpc"] as const)("over %s", { timeout: 120_000 }, (transport) => {
  const open = () => testBridge({ transport });

  test("bytes of any size arrive as they were, there and back", async () => {
    const bridge = await open();
    const limits = [256 * KiB, MiB, 4 * MiB, 16 * MiB];
    for (const bytes of [0, 1, ...limits.flatMap((limit) => [limit - 1, limit, limit + 1])]) {
      const data = noise(bytes);
      const back = (await bridge.execute("echo", { data })) as { data: Uint8Array };
      expect(back.data).toBeInstanceOf(Uint8Array);
      expect(Buffer.compare(back.data, data), `${bytes} bytes`).toBe(0);
    }
  });

  test("several binaries in one value, and one of them in many places", async () => {
    const bridge = await open();
    const [one, other] = [noise(MiB + 3), noise(300 * KiB)];
    const sent = {
      list: [one, "between", other, one],
      deep: { deeper: { data: one } },
      small: other.slice(0, 9),
    };
    expect(await bridge.execute("echo", sent)).toEqual(sent);
  });

  test("many big values at once get back to whoever sent them", async () => {
    const bridge = await open();
    const sent = Array.from({ length: 20 }, (_, n) => new Uint8Array(MiB + n).fill(n));
    const back = await Promise.all(sent.map((data) => bridge.execute("echo", { data })));
    for (const [n, value] of back.entries())
      expect(Buffer.compare((value as { data: Uint8Array }).data, sent[n] as Uint8Array)).toBe(0);
  });

  test("small calls are answered while 64 MiB travel both ways on the same worker", async () => {
    const bridge = await open();
    let isBack = false;
    const big = bridge.execute("echo", { data: new Uint8Array(64 * MiB) }).then(() => {
      isBack = true;
    });
    let answered = 0;
    while (!isBack) {
      await bridge.execute("echo", { n: answered });
      answered++;
    }
    await big;
    expect(answered).toBeGreaterThan(10);
  });

  test("big chunks come in order, with a reader slower than the worker", async () => {
    const bridge = await open();
    let expected = 0;
    for await (const chunk of bridge.stream("e2e.blobs", { size: MiB + 1, n: 12 })) {
      const { index, data } = chunk as { index: number; data: Uint8Array };
      expect([index, data.length, data[0], data[MiB]]).toEqual([
        expected,
        MiB + 1,
        expected,
        expected,
      ]);
      expected++;
      await turn();
    }
    expect(expected).toBe(12);
  });

  test("a reader that leaves a stream in the middle of a big chunk frees its worker", async () => {
    const bridge = await open();
    for await (const _ of bridge.stream("e2e.blobs", { size: 8 * MiB, n: 100 })) break;
    expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
  });

  test.each(["given away", "made smaller"])(
    "a buffer that is %s on its way costs its own call and no other",
    async (how) => {
      const bridge = await testBridge({ transport, maxWorkers: 1 });
      const pid = await bridge.execute("e2e.pid");
      const neighbour = bridge.execute("sleep", { seconds: 0.5 });
      const buffer = resizable(32 * MiB);
      const { args, begun } = onItsWay(() => [new Uint8Array(buffer)]);
      const big = bridge.execute("e2e.sizes", args);
      const failure = expect(big).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await begun;
      if (how === "given away") structuredClone(buffer, { transfer: [buffer] });
      else buffer.resize(1_000);
      await failure;
      await neighbour;
      expect(await bridge.execute("e2e.pid")).toBe(pid);
    },
  );

  test("a big call that times out on its way leaves a worker that works", async () => {
    const bridge = await open();
    const pid = (await bridge.execute("e2e.pid")) as number;
    const data = [new Uint8Array(64 * MiB)];
    let stopped = 0;
    while (stopped < 5) {
      const { args, begun } = onItsWay(() => data);
      const late = bridge.execute("e2e.sizes", args, { timeoutMs: 50 });
      // A slow machine may not get as far in time, and then has another try.
      void begun.then(() => {
        stopped++;
        process.kill(pid, "SIGSTOP"); // it takes no more than the socket holds
      });
      await expect(late).rejects.toMatchObject({ code: "TIMEOUT" });
      process.kill(pid, "SIGCONT");
      expect(await bridge.execute("e2e.pid")).toBe(pid);
    }
    expect(await bridge.execute("e2e.sizes", { data: [new Uint8Array(5 * MiB)] })).toEqual([
      5 * MiB,
    ]);
  });

  test("5 GB fail alone and at once, without taking 5 GB", async () => {
    const bridge = await open();
    const piece = new Uint8Array(512 * MiB);
    const before = process.memoryUsage().rss;
    const good = bridge.execute("echo", { n: 1 });
    const huge = bridge.execute("e2e.sizes", { data: Array.from({ length: 10 }, () => piece) });
    await expect(huge).rejects.toMatchObject({
      code: "VALUE_TOO_LARGE",
      outcome: "not-started",
      details: { bytes: 1536 * MiB, limitBytes: 1024 * MiB },
    });
    expect(await good).toEqual({ n: 1 });
    const reply = bridge.execute("e2e.blob", { size: 1024 * MiB + 1 });
    await expect(reply).rejects.toMatchObject({ code: "VALUE_TOO_LARGE" });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MiB);
    expect(await bridge.execute("echo", { n: 2 })).toEqual({ n: 2 });
  });

  test("many binaries that are big only together pass, and do not hold up a small call for long", async () => {
    const bridge = await open();
    const data = Array.from({ length: 400 }, (_, n) => new Uint8Array(200_000).fill(n % 256));
    expect(await bridge.execute("e2e.sizes", { data })).toEqual(data.map(({ length }) => length));
    const back = (await bridge.execute("e2e.medium", { n: 400, size: 200_000 })) as Uint8Array[];
    expect(back.map((one) => [one.length, one[0]])).toEqual(
      data.map((one) => [one.length, one[0]]),
    );
  });

  test("streams that are cancelled in the middle of big chunks cost nobody else a call", async () => {
    const bridge = await testBridge({ transport, maxWorkers: 1 });
    const folder = temporaryFolder();
    const pid = await bridge.execute("e2e.pid");
    const leave = new AbortController();
    const marks = Array.from({ length: 8 }, (_, n) => `${folder}/${n}`);
    const streams = marks.map(async (mark) => {
      const args = { size: 16 * MiB, seconds: 1, mark };
      const options = { signal: leave.signal };
      for await (const _ of bridge.stream("e2e.blobs_with_a_long_goodbye", args, options));
    });
    // All are read, and none ends by itself: there is always a chunk on its way.
    await Promise.all(marks.map(made));
    const answers = Array.from({ length: 8 }, () => bridge.execute("e2e.blob", { size: 16 * MiB }));
    leave.abort(new Error("enough"));
    for (const one of await Promise.allSettled(streams)) expect(one.status).toBe("rejected");
    for (const answer of await Promise.all(answers))
      expect((answer as Uint8Array).length).toBe(16 * MiB);
    expect(await bridge.execute("e2e.pid")).toBe(pid);
  });

  test("maxValueBytes is the limit in both directions", async () => {
    const bridge = await testBridge({ transport, maxValueBytes: MiB });
    const data = new Uint8Array(MiB);
    expect(await bridge.execute("e2e.sizes", { data: [data] })).toEqual([MiB]);
    expect(await bridge.execute("e2e.blob", { size: MiB })).toEqual(data);
    const [up, down] = await Promise.allSettled([
      bridge.execute("e2e.sizes", { data: [data, data] }),
      bridge.execute("e2e.blob", { size: MiB + 1 }),
    ]);
    expect(up).toMatchObject({ reason: { code: "VALUE_TOO_LARGE" } });
    expect(down).toMatchObject({
      reason: { code: "VALUE_TOO_LARGE", details: { limitBytes: MiB } },
    });
  });

  test("a worker killed while it is sent a value costs that call at most", async () => {
    const bridge = await open();
    const pid = (await bridge.execute("e2e.pid")) as number;
    const data = [new Uint8Array(32 * MiB)];
    const ways = [onItsWay(() => data), onItsWay(() => data)] as const;
    const [call, again] = [{}, { idempotent: true }].map((options, n) =>
      bridge.execute("e2e.sizes", ways[n]?.args, options).catch((error: unknown) => error),
    );
    await Promise.all(ways.map(({ begun }) => begun)); // no more is sent in this turn
    process.kill(pid, "SIGKILL");
    expect(await again).toEqual([32 * MiB]);
    // Whether its exit or the end of its socket is heard first decides how much is known.
    const result = await call;
    if (!Array.isArray(result))
      expect(result).toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
    expect(await bridge.execute("e2e.pid")).not.toBe(pid);
  });

  test("a worker killed in the middle of its answer leaves an unknown outcome", async () => {
    const bridge = await open();
    const once = `${temporaryFolder()}/once`;
    const call = bridge.execute("e2e.blob_and_death", { size: 64 * MiB, once });
    call.catch(() => {});
    await diesWhileAnswering(once);
    await expect(call).rejects.toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
    expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
  });

  test("an idempotent call whose worker is killed in the middle of its answer is made again", async () => {
    await killWhileAnswering(await open());
  });

  test("kills in the middle of big values leave no descriptor and no memory behind", async () => {
    const bridge = await open();
    const data = [new Uint8Array(16 * MiB)];
    const killBothWays = async () => {
      await killOnce(bridge, data);
      await killWhileAnswering(bridge);
    };
    await killBothWays();
    const [memory, files] = [await heldBytes(), descriptors()];
    for (let times = 0; times < 4; times++) await killBothWays();
    const more = async () => (await heldBytes()) - memory;
    await expect.poll(more).toBeLessThan(8 * MiB);
    await until(() => descriptors() <= files, descriptors); // the last worker's may be closing still
  });
});

async function killWhileAnswering(bridge: Bridge): Promise<void> {
  const once = `${temporaryFolder()}/once`;
  const args = { size: 64 * MiB, once };
  const call = bridge.execute("e2e.blob_and_death", args, { idempotent: true });
  await diesWhileAnswering(once);
  expect(((await call) as Uint8Array).length).toBe(64 * MiB);
}

/** It dies when a part of its answer lies in the socket; the rest waits, as nobody takes that in. */
async function diesWhileAnswering(once: string): Promise<void> {
  await until(() => existsSync(once));
  const pid = Number(readFileSync(once, "utf8"));
  writeFileSync(`${once}.go`, "");
  blockUntil(() => !isRunning(pid));
}

async function killOnce(bridge: Bridge, data: readonly Uint8Array[]): Promise<void> {
  const pid = (await bridge.execute("e2e.pid")) as number;
  const { args, begun } = onItsWay(() => data);
  const call = bridge.execute("e2e.sizes", args, { idempotent: true });
  await begun; // no more is sent in this turn
  process.kill(pid, "SIGKILL");
  expect(await call).toEqual([16 * MiB]);
}

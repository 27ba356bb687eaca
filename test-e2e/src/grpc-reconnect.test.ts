import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { PoolEventOf } from "snakepit";
import type { Bridge, PyRef } from "snakepit-grpc-bridge";
import { expect, test } from "vitest";
import { until } from "../../packages/snakepit/src/fixtures/until.ts";
import { remoteBridge } from "./remote-bridge.ts";
import { gone, isRunning, made, temporaryFolder, testBridge, written } from "./workspace.ts";

const lost = { code: "WORKER_EXITED", outcome: "unknown" };

type Name = "worker-suspect" | "worker-recovered" | "worker-stopped" | "session-lost";

function next<N extends Name>(bridge: Bridge, name: N): Promise<PoolEventOf<N>> {
  return new Promise((resolve) => {
    const off = bridge.pool.on(name, (event) => {
      off[Symbol.dispose]();
      resolve(event as PoolEventOf<N>);
    });
  });
}

test("a worker whose connection is cut dials in again, and remembers its sessions", async () => {
  const { bridge, proxy } = await remoteBridge();
  const session = bridge.pool.session("ada", { affinity: "require" });
  const pid = await session.execute("e2e.pid");
  expect(await session.execute("e2e.remember", { value: "one" })).toEqual(["one"]);
  expect(proxy.accepted).toBe(1);

  const suspect = next(bridge, "worker-suspect");
  const recovered = next(bridge, "worker-recovered");
  proxy.cut();
  const { workerId } = await suspect;
  // It waits for its worker, which it may not do elsewhere.
  expect(await session.execute("e2e.remember", { value: "two" })).toEqual(["one", "two"]);
  expect(await recovered).toMatchObject({ workerId });
  expect(await session.execute("e2e.pid")).toBe(pid);
  expect(proxy.accepted).toBe(2);
  expect(bridge.pool.workers()).toMatchObject([{ id: workerId, state: "ready" }]);
});

test("what a worker keeps for a session outlives a cut, and goes with a session that ends meanwhile", async () => {
  const preload = ["e2e_commands", "value_commands"];
  const { bridge, proxy } = await remoteBridge({ python: { preload, unknownObjects: "ref" } });
  const session = bridge.pool.session("ada", { affinity: "require" });
  const { it } = (await session.execute("e2e.opaque")) as { it: PyRef };
  const suspect = next(bridge, "worker-suspect");
  proxy.cut();
  await suspect;
  expect(await session.execute("e2e.secret_of", { it })).toBe("s3cret");

  const suspectAgain = next(bridge, "worker-suspect");
  proxy.refuse();
  proxy.cut();
  await suspectAgain;
  await session.delete();
  const recovered = next(bridge, "worker-recovered");
  proxy.flow();
  await recovered;
  await expect
    .poll(() => bridge.execute("e2e.secret_of", { it }).catch((error: unknown) => error))
    .toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("args.it (PyRef) is a "),
    });
});

test("calls in flight fail as unknown and are stopped, and idempotent ones are sent again", async () => {
  const { bridge, proxy } = await remoteBridge();
  const folder = temporaryFolder();
  const pid = await bridge.execute("e2e.pid");
  const once = bridge.execute("e2e.sleep_async", { seconds: 60, mark: `${folder}/once` });
  const gate = `${folder}/gate`;
  const again = bridge.execute("e2e.at_gate_async", { gate }, { idempotent: true });
  const attempts = () => readFileSync(`${gate}.attempts`, "utf8");
  const stream = bridge.stream("e2e.count", { n: 1_000_000_000, mark: `${folder}/stream` });
  expect(await stream.next()).toMatchObject({ value: 0 });
  await made(`${folder}/once.began`);
  expect(await written(`${gate}.attempts`)).toBe("began\n");

  proxy.cut();
  await expect(once).rejects.toMatchObject(lost);
  expect(await written(`${folder}/once`)).toBe("cancelled");
  let expected = 1;
  const ended = (async () => {
    for await (const chunk of stream) expect(chunk).toBe(expected++);
  })();
  await expect(ended).rejects.toMatchObject(lost);
  expect(await written(`${folder}/stream`)).toBe("closed");
  await until(() => attempts() !== "began\n");
  writeFileSync(gate, "");
  expect(await again).toBe("passed");
  expect(attempts()).toBe("began\nbegan\n");
  expect(await bridge.execute("e2e.pid")).toBe(pid);
});

test("a worker of one call begins none of the new calls before its old one has ended", async () => {
  const { bridge, proxy } = await remoteBridge({ python: { concurrency: 1 } }, 30_000);
  const folder = temporaryFolder();
  const [gate, mark] = [`${folder}/gate`, `${folder}/mark`];
  const pid = await bridge.execute("e2e.pid");
  const old = bridge.execute("e2e.stubborn", { gate, seconds: 0.5, mark });
  await made(`${mark}.began`);
  const suspect = next(bridge, "worker-suspect");
  proxy.cut();
  await suspect;
  await expect(old).rejects.toMatchObject(lost);
  const young = bridge.execute("e2e.pid");
  expect(existsSync(mark)).toBe(false); // it hears no cancel
  writeFileSync(gate, "");
  expect(await young).toBe(pid);
  expect(existsSync(mark)).toBe(true);
});

test("when the network swallows everything, a worker ends before its replacement serves", async () => {
  const { bridge, proxy } = await remoteBridge({}, 1_000);
  const session = bridge.pool.session("ada", { affinity: "require" });
  const pid = (await session.execute("e2e.pid")) as number;
  const stopped = next(bridge, "worker-stopped");
  const sessionLost = next(bridge, "session-lost");
  proxy.stall();
  await gone([pid]);
  expect(await stopped).toMatchObject({ exit: { kind: "exited", code: 6 } });
  proxy.cut();
  proxy.flow();
  expect(await bridge.execute("e2e.pid")).not.toBe(pid);
  expect(await sessionLost).toMatchObject({ sessionId: "ada" });
  await expect(session.execute("e2e.pid")).rejects.toMatchObject({ code: "SESSION_LOST" });
});

test("a worker that finds no way back ends with its lease, says so, and is replaced", async () => {
  const { bridge, proxy } = await remoteBridge({}, 1_000);
  const pid = (await bridge.execute("e2e.pid")) as number;
  const stopped = next(bridge, "worker-stopped");
  proxy.refuse();
  proxy.cut();
  expect(await stopped).toMatchObject({
    exit: { kind: "exited", code: 6 },
    stderr: expect.stringContaining("the lease is over"),
  });
  expect(isRunning(pid)).toBe(false);
});

test("a silence shorter than the lease costs nothing but time", async () => {
  const { bridge, proxy } = await remoteBridge({}, 6_000);
  const pid = await bridge.execute("e2e.pid");
  const suspect = next(bridge, "worker-suspect");
  const call = bridge.execute("echo", { n: 1 }, { idempotent: true });
  proxy.stall();
  await suspect; // by the keepalive of one side or the other
  proxy.cut();
  proxy.flow();
  expect(await call).toEqual({ n: 1 });
  expect(await bridge.execute("e2e.pid")).toBe(pid);
});

test("cut again and again under load, a worker keeps its place, and each call has one answer", async () => {
  const { bridge, proxy } = await remoteBridge();
  const pid = await bridge.execute("e2e.pid");
  const counts = { answered: 0, lost: 0 };
  let isOver = false;
  let number = 0;
  const lane = async () => {
    while (!isOver) {
      const n = number++;
      const options = n % 2 === 0 ? { idempotent: true } : {};
      try {
        expect(await bridge.execute("echo", { n }, options)).toEqual({ n });
        counts.answered++;
      } catch (error) {
        expect(error).toMatchObject(lost);
        counts.lost++;
      }
    }
  };
  const lanes = Array.from({ length: 32 }, lane);
  for (let cuts = 0; cuts < 20; cuts++) {
    const before = counts.answered;
    const recovered = next(bridge, "worker-recovered");
    proxy.cut();
    await recovered;
    while (counts.answered < before + 100) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  isOver = true;
  await Promise.all(lanes);
  expect(counts.answered + counts.lost).toBe(number);
  expect(await bridge.execute("e2e.pid")).toBe(pid);
  expect(bridge.pool.stats()).toMatchObject({ busy: 0, queued: 0 });
  expect(proxy.open).toBe(1);
});

for (const transport of ["socket", "grpc"] as const) {
  test(`a local worker that has lost its connection is ended and replaced, over ${transport}`, async () => {
    const bridge = await testBridge({ transport });
    const pid = (await bridge.execute("e2e.pid")) as number;
    const stopped = next(bridge, "worker-stopped");
    const waiting = bridge.execute("e2e.sleep_async", {
      seconds: 60,
      mark: `${temporaryFolder()}/mark`,
    });
    waiting.catch(() => {});
    await expect(bridge.execute("e2e.cut")).rejects.toMatchObject(lost);
    await expect(waiting).rejects.toMatchObject(lost);
    await stopped;
    expect(isRunning(pid)).toBe(false);
    expect(await bridge.execute("e2e.pid")).not.toBe(pid);
  });
}

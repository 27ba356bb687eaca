import { expect, test } from "vitest";
import { Circuit } from "./circuit.ts";
import { createPool } from "./create-pool.ts";
import { recorded } from "./fixtures/events.ts";
import type { Pool } from "./pool.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";
import { type FakeClock, fakeClock } from "./testing/fake-clock.ts";

const options = { failureRate: 0.5, minCalls: 4, openMs: 10_000 };

test("it opens when most of enough calls were lost, and not before", () => {
  const circuit = new Circuit(options, 0);
  expect([1, 2, 3].map(() => circuit.lost(0))).toEqual([false, false, false]);
  expect(circuit.lost(0)).toBe(true);
  expect(circuit.refusedForMs(1_000)).toBe(9_000);
});

test("good answers keep it closed", () => {
  const circuit = new Circuit(options, 0);
  for (let n = 0; n < 10; n++) circuit.answered();
  for (let n = 0; n < 9; n++) expect(circuit.lost(0)).toBe(false);
  expect(circuit.lost(0)).toBe(true);
});

test("what was lost more than ten seconds ago does not count", () => {
  const circuit = new Circuit(options, 0);
  for (let n = 0; n < 3; n++) circuit.lost(0);
  expect(circuit.lost(10_000)).toBe(false);
  expect(circuit.phase).toBe("closed");
});

test("after its time one call may try: an answer closes it, a loss opens it again", () => {
  const circuit = new Circuit(options, 0);
  for (let n = 0; n < 4; n++) circuit.lost(0);
  expect(circuit.refusedForMs(10_000)).toBeUndefined();
  expect(circuit.refusedForMs(10_001)).toBeGreaterThan(0); // the others still wait
  expect(circuit.lost(10_100)).toBe(true);
  expect(circuit.refusedForMs(20_100)).toBeUndefined();
  expect(circuit.answered()).toBe(true);
  expect(circuit.phase).toBe("closed");
  expect(circuit.lost(20_200)).toBe(false); // the old losses are forgotten
});

/** A pool whose command `poison` ends its worker by that signal as long as `deadly` holds. */
async function poisoned(signal: string, clock: FakeClock) {
  const state = { deadly: true };
  const adapter = fakeAdapter({
    handlers: {
      poison: (_args, _context, workerId) => {
        if (!state.deadly) return "harmless";
        adapter.kill(workerId, { kind: "signaled", signal });
        return new Promise(() => {});
      },
    },
  });
  const circuit = { minCalls: 5, openMs: 10_000 };
  return { state, pool: await createPool({ adapter, clock, maxWorkers: 1, circuit }) };
}

async function poison(pool: Pool, clock: FakeClock, calls: number): Promise<unknown[]> {
  const codes: unknown[] = [];
  for (let n = 0; n < calls; n++) {
    // An answered call before each, so that starting is not what is in trouble.
    await pool.execute("echo").catch((error) => codes.push(error.code));
    const poison = pool.execute("poison").catch((error) => codes.push(error.code));
    await clock.advance(1);
    await poison;
  }
  return codes;
}

test("calls that kill their workers stop being sent, until a probe comes back", async () => {
  const clock = fakeClock();
  const { pool, state } = await poisoned("SIGSEGV", clock);
  await using _ = pool;
  const events = recorded(pool);
  const codes = await poison(pool, clock, 8);
  expect(codes).toContain("WORKER_EXITED");
  const refused = await pool.execute("echo").catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: "POOL_DEGRADED",
    outcome: "not-started",
    details: { reason: "circuit-open" },
  });
  expect(pool.stats().circuit).toBe("open");
  state.deadly = false;
  await clock.advance(10_000);
  expect(await pool.execute("poison")).toBe("harmless");
  expect(pool.stats().circuit).toBe("closed");
  const names = events.map((event) => event.name);
  expect(names.indexOf("circuit-opened")).toBeLessThan(names.indexOf("circuit-closed"));
});

test("workers that somebody else kills say nothing against their calls", async () => {
  const clock = fakeClock();
  const { pool } = await poisoned("SIGKILL", clock);
  await using _ = pool;
  const codes = await poison(pool, clock, 20);
  expect(codes).toEqual(Array(20).fill("WORKER_EXITED"));
  expect(pool.stats().circuit).toBe("closed");
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Deadlines, type Expiring, NO_SLOT } from "./deadlines.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function entry(deadlineMs: number, log: number[]): Expiring {
  return {
    deadlineMs,
    wheelNext: undefined,
    wheelPrevious: undefined,
    wheelSlot: NO_SLOT,
    expire() {
      log.push(deadlineMs);
    },
  };
}

test("deadlines expire in order, never early, and at most a tick late", () => {
  const wheel = new Deadlines();
  const start = performance.now();
  const late: number[] = [];
  for (const delay of [5, 40, 3_999, 4_000, 4_200, 60_000]) {
    const due = start + delay;
    wheel.add({
      ...entry(due, []),
      expire: () => {
        late.push(performance.now() - due);
      },
    });
  }
  vi.advanceTimersByTime(61_000);
  expect(late).toHaveLength(6);
  for (const lateness of late) {
    expect(lateness).toBeGreaterThanOrEqual(0);
    expect(lateness).toBeLessThanOrEqual(16);
  }
});

test("a removed deadline never fires, wherever it stood in its slot", () => {
  const wheel = new Deadlines();
  const due = performance.now() + 50;
  const log: number[] = [];
  const entries = [0, 1, 2, 3].map((n) => entry(due + n / 10, log));
  for (const one of entries) wheel.add(one);
  for (const n of [3, 1]) wheel.remove(entries[n] as Expiring);
  wheel.remove(entries[1] as Expiring); // twice does no harm
  vi.advanceTimersByTime(100);
  expect(log.sort()).toEqual([due, due + 0.2].sort());
});

test("an infinite deadline is never kept, and the timer stops when nothing is left", () => {
  const wheel = new Deadlines();
  const log: number[] = [];
  wheel.add(entry(Number.POSITIVE_INFINITY, log));
  expect(vi.getTimerCount()).toBe(0);
  wheel.add(entry(performance.now() + 10, log));
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(50);
  expect(vi.getTimerCount()).toBe(0);
  expect(log).toHaveLength(1);
});

test("an entry that expires may remove its neighbours", () => {
  const wheel = new Deadlines();
  const due = performance.now() + 20;
  const log: number[] = [];
  const other = entry(due, log);
  const killer: Expiring = { ...entry(due, log), expire: () => wheel.remove(other) };
  wheel.add(other);
  wheel.add(killer); // newest first within a slot
  vi.advanceTimersByTime(100);
  expect(log).toEqual([]);
});

test("a deadline that was put off fires at the new time, and one that was moved up does too", () => {
  const wheel = new Deadlines();
  const start = performance.now();
  const fired: string[] = [];
  const note = (name: string) => () => {
    fired.push(`${name} ${Math.floor((performance.now() - start) / 100)}`);
  };
  const later = { ...entry(start + 50, []), expire: note("later") };
  const earlier = { ...entry(start + 9_000, []), expire: note("earlier") };
  wheel.add(later);
  wheel.add(earlier);
  wheel.change(later, start + 5_020);
  wheel.change(earlier, start + 320);
  vi.advanceTimersByTime(10_000);
  expect(fired).toEqual(["earlier 3", "later 50"]);
});

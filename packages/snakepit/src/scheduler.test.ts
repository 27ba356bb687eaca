import { expect, test } from "vitest";
import { chooseWorker, PACKED_CALLS, startsWanted } from "./scheduler.ts";

const worker = (load: number, concurrency = 4, short = false) => ({
  load,
  concurrency,
  parked: 0,
  sessionCount: 0,
  room: () => (short ? PACKED_CALLS : concurrency),
});

test.each([
  { name: "no workers", ready: [], chosen: undefined },
  { name: "all full", ready: [worker(4), worker(1, 1)], chosen: undefined },
  { name: "an idle one before any busy one", ready: [worker(1), worker(0)], chosen: 1 },
  { name: "the first among equals", ready: [worker(2), worker(2)], chosen: 0 },
  { name: "the one with least to do", ready: [worker(3), worker(2), worker(4)], chosen: 1 },
  { name: "a full one is never chosen", ready: [worker(1, 1), worker(3)], chosen: 1 },
  {
    name: "the first, for short calls, beyond its slots",
    ready: [worker(9, 4, true), worker(1, 4, true)],
    chosen: 0,
  },
  {
    name: "the next, when the first has enough",
    ready: [worker(128, 4, true), worker(1, 4, true)],
    chosen: 1,
  },
  {
    name: "the least loaded, when all have enough",
    ready: [worker(200, 4, true), worker(150, 4, true)],
    chosen: 1,
  },
  { name: "nobody, when a batch is full", ready: [worker(256, 4, true)], chosen: undefined },
])("a call goes to $name", ({ ready, chosen }) => {
  expect(chooseWorker(ready, "add")).toBe(chosen === undefined ? undefined : ready[chosen]);
});

const idle = {
  queued: 0,
  starting: 0,
  ready: 0,
  concurrency: 1,
  minWorkers: 0,
  maxWorkers: 4,
  maxStarting: 2,
};

test.each([
  { name: "nothing waits and nothing is required", view: idle, starts: 0 },
  { name: "the minimum, bounded by the cores", view: { ...idle, minWorkers: 4 }, starts: 2 },
  { name: "the rest of the minimum", view: { ...idle, minWorkers: 3, ready: 2 }, starts: 1 },
  { name: "one waiting call", view: { ...idle, queued: 1 }, starts: 1 },
  {
    name: "a waiting call that a start will serve",
    view: { ...idle, queued: 1, starting: 1 },
    starts: 0,
  },
  {
    name: "many waiting calls, up to the maximum",
    view: { ...idle, queued: 100, ready: 3 },
    starts: 1,
  },
  {
    name: "many slots per worker",
    view: { ...idle, queued: 100, ready: 1, concurrency: 64 },
    starts: 2,
  },
  { name: "the maximum is reached", view: { ...idle, queued: 9, ready: 4 }, starts: 0 },
])("workers are started for: $name", ({ view, starts }) => {
  expect(startsWanted(view)).toBe(starts);
});

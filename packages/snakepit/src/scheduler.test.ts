import { expect, test } from "vitest";
import {
  chooseForNested,
  choosePlacement,
  chooseWorker,
  idleSurplus,
  PACKED_CALLS,
  startsWanted,
  surplus,
} from "./scheduler.ts";

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

const parked = (load: number, count: number) => ({ ...worker(load, 1), parked: count });

test.each([
  {
    name: "a free slot where strangers find one too",
    ready: [parked(1, 1), worker(0, 1)],
    chosen: 1,
  },
  {
    name: "the slot of a parked call, when there is no other",
    ready: [worker(1, 1), parked(1, 1)],
    chosen: 1,
  },
  {
    name: "nobody, when every slot is at work",
    ready: [worker(1, 1), parked(2, 1)],
    chosen: undefined,
  },
  {
    name: "the nearby worker's parked slot before another's free one",
    ready: [worker(0, 1), parked(1, 1)],
    near: 1,
    chosen: 1,
  },
  {
    name: "another, when the nearby one is at work",
    ready: [worker(0, 1), parked(2, 1)],
    near: 1,
    chosen: 0,
  },
])("a nested call gets $name", ({ ready, near, chosen }) => {
  const nearby = near === undefined ? undefined : ready[near];
  const expected = chosen === undefined ? undefined : ready[chosen];
  expect(chooseForNested(ready, "add", nearby)).toBe(expected);
});

const home = (sessionCount: number, load = 0) => ({ ...worker(load), sessionCount });

test.each([
  { name: "where the fewest are", ready: [home(2), home(1), home(3)], chosen: 1 },
  { name: "among equals to the one with least to do", ready: [home(1, 3), home(1, 2)], chosen: 1 },
  { name: "to the first of perfect equals", ready: [home(0), home(0)], chosen: 0 },
  { name: "never to a full one, however few are there", ready: [home(0, 4), home(5)], chosen: 1 },
  { name: "nowhere when all are full", ready: [home(0, 4)], chosen: undefined },
])("a new session goes $name", ({ ready, chosen }) => {
  const expected = chosen === undefined ? undefined : ready[chosen];
  expect(choosePlacement(ready, "add")).toBe(expected);
});

const idling = (
  idleSinceMs: number | undefined,
  more: { pinned?: boolean; load?: number } = {},
) => ({
  ...worker(more.load ?? 0),
  idleSinceMs,
  pinned: more.pinned ?? false,
});

test.each([
  { name: "all above the minimum", ready: [idling(0), idling(0), idling(0)], min: 1, ends: [2, 1] },
  { name: "none at the minimum", ready: [idling(0)], min: 1, ends: [] },
  {
    name: "none that is busy or was a moment ago",
    ready: [idling(undefined), idling(90)],
    min: 0,
    ends: [],
  },
  {
    name: "none that a session holds on to",
    ready: [idling(0), idling(0, { pinned: true })],
    min: 0,
    ends: [0],
  },
])("of workers idle since before 50 end $name", ({ ready, min, ends }) => {
  expect(idleSurplus(ready, min, 50).map((one) => ready.indexOf(one))).toEqual(ends);
});

test.each([
  {
    name: "those with least to do",
    ready: [idling(0, { load: 3 }), idling(0, { load: 1 }), idling(0)],
    max: 1,
    ends: [2, 1],
  },
  {
    name: "none that a session holds on to",
    ready: [idling(0, { pinned: true }), idling(0, { load: 2 })],
    max: 1,
    ends: [1],
  },
  { name: "none within the maximum", ready: [idling(0), idling(0)], max: 2, ends: [] },
])("a smaller pool does without $name", ({ ready, max, ends }) => {
  expect(surplus(ready, max).map((one) => ready.indexOf(one))).toEqual(ends);
});

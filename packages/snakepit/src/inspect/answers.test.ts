import { expect, test } from "vitest";
import type { Sessions } from "../sessions.ts";
import * as answers from "./answers.ts";
import { type PoolParts, PoolView } from "./pool-view.ts";

const session = {
  id: "user_1",
  metadata: { name: "Ada", plan: "gold" },
  pool: undefined,
  affinity: "prefer",
  ttlMs: 1_000,
  createdAtMs: 1,
  lastUsedAtMs: 2,
  expiresAtMs: 3,
  workerId: "w1",
} as const;
const stats = { sessions: 1, maxSessions: 10, open: 1, pinned: 0, store: "memory" };

/** A pool whose sessions are not real, because what is told of them is what counts here. */
function viewOf(sessions: Partial<Sessions> | undefined): PoolView {
  const pool = { stats: () => ({ sessions: 1 }), workers: () => [], sessions };
  const options = { adapter: { name: "fake" } };
  return new PoolView({ pool, options, fleet: {}, name: "pool-1" } as unknown as PoolParts);
}

test("of a session the names of its metadata are told, and their values when asked for", async () => {
  const pool = viewOf({ list: async () => [session], stats: async () => stats });
  const { metadata, ...rest } = session;
  const told = { ...rest, metadataKeys: ["name", "plan"] };
  expect(await answers.sessions([pool], {})).toEqual([
    { pool: "pool-1", open: 1, stats, sessions: [told], isCut: false },
  ]);
  expect(await answers.sessions([pool], { values: true })).toMatchObject([
    { sessions: [{ ...told, metadata }] },
  ]);
});

test("what has expired is removed before the rest is listed", async () => {
  let listed = [session, { ...session, id: "user_2" }];
  const pool = viewOf({
    sweep: async () => {
      listed = [session];
      return ["user_2"];
    },
    list: async () => listed,
    stats: async () => stats,
  });
  const [answer] = await answers.sessions([pool], { sweep: true });
  expect(answer?.swept).toEqual(["user_2"]);
  expect(answer?.sessions?.map(({ id }) => id)).toEqual(["user_1"]);
});

test("of a thousand sessions and more it is said that not all are listed", async () => {
  const limits: unknown[] = [];
  const pool = viewOf({
    list: async (page) => {
      limits.push(page?.limit);
      return Array.from({ length: page?.limit ?? 0 }, () => session);
    },
    stats: async () => stats,
  });
  expect(await answers.sessions([pool], {})).toMatchObject([{ isCut: true }]);
  expect(limits).toEqual([1_000]);
});

test("a store that does not answer is told of, and keeps no other pool from answering", async () => {
  const broken = viewOf({
    list: async () => {
      throw new Error("the store is gone");
    },
  });
  const well = viewOf({ list: async () => [], stats: async () => stats });
  expect(await answers.sessions([broken, well], {})).toMatchObject([
    { problem: "the store is gone" },
    { sessions: [] },
  ]);
});

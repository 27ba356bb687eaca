import { expect, test } from "vitest";
import type { Contestant, Entry } from "./contestant.ts";
import type { Measurement } from "./measurement.ts";
import { openContestants } from "./open-contestants.ts";
import { type Plan, plans, type Run, runRounds } from "./rounds.ts";

test("contestants take turns, in the opposite order every second time", async () => {
  const turns: string[] = [];
  await outcomesOf([entry("ours"), entry("peer")], turns);
  // A turn is a warm-up and a sample.
  const each = ["ours", "peer", "peer", "ours", "ours", "peer"];
  expect(turns).toEqual(each.flatMap((name) => [name, name]));
});

test("what is done once is warmed up only before the first round", async () => {
  const turns: string[] = [];
  await outcomesOf([entry("ours")], turns, { kind: "once" });
  expect(turns).toHaveLength(plans.short.rounds + 1);
});

test("a peer that cannot be opened is missing, and the others are measured", async () => {
  const broken = { name: "peer", open: () => Promise.reject(new Error("not installed\nat x")) };
  const outcomes = await outcomesOf([entry("ours"), broken, entry("other")]);
  expect(outcomes.map(({ name, kind }) => [name, kind])).toEqual([
    ["ours", "measured"],
    ["peer", "missing"],
    ["other", "measured"],
  ]);
  expect(outcomes[1]).toMatchObject({ reason: "not installed" });
});

test("without ours nobody else is measured", async () => {
  const turns: string[] = [];
  const outcomes = await outcomesOf([failing("ours"), entry("peer")], turns);
  expect(outcomes).toEqual([{ kind: "missing", name: "ours", reason: "ours broke" }]);
  expect(turns).toEqual(["ours"]);
});

test("a peer that breaks is not tried again", async () => {
  const turns: string[] = [];
  const outcomes = await outcomesOf([entry("ours"), failing("peer")], turns);
  expect(outcomes[1]).toMatchObject({ kind: "missing", reason: "peer broke" });
  expect(turns.filter((name) => name === "peer")).toHaveLength(1);
});

test("an interruption while contestants are opened closes those that are open", async () => {
  const closed: string[] = [];
  const interruption = new AbortController();
  const last: Entry = {
    name: "peer",
    open: async (plan) => {
      interruption.abort();
      return entry("peer", closed).open(plan);
    },
  };
  const opening = openContestants([entry("ours", closed), last], run(interruption.signal));
  await expect(opening).rejects.toThrow("aborted");
  expect(closed).toEqual(["ours", "peer"]);
});

test("a run that is late gives each measurement one round", async () => {
  const turns: string[] = [];
  const plan = { ...plans.short, hurryAfterMs: -1 };
  await outcomesOf([entry("ours")], turns, { kind: "once" }, plan);
  expect(turns).toHaveLength(2);
});

async function outcomesOf(
  entries: readonly Entry[],
  turns: string[] = [],
  kind: Pick<Measurement, "kind"> = {},
  plan: Plan = plans.short,
) {
  const measurement: Measurement = {
    title: "a test",
    rows: [],
    entries,
    ...kind,
    async sample({ name, check }) {
      turns.push(name);
      await check?.();
      return { values: {}, cpu: undefined };
    },
  };
  const running = run(new AbortController().signal, plan);
  await using open = await openContestants(entries, running);
  return await runRounds(measurement, open, running);
}

function run(signal: AbortSignal, plan: Plan = plans.short): Run {
  return { plan, signal, startMs: performance.now(), onProgress: () => {} };
}

function entry(name: string, closed: string[] = [], check?: Contestant["check"]): Entry {
  return {
    name,
    open: async () => ({
      name,
      ...(check === undefined ? {} : { check }),
      [Symbol.asyncDispose]: async () => {
        closed.push(name);
      },
    }),
  };
}

function failing(name: string): Entry {
  return entry(name, [], () => Promise.reject(new Error(`${name} broke`)));
}

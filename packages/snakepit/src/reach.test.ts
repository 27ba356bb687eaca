import { expect, test } from "vitest";
import type { Adapter, ReachWatcher } from "./adapter.ts";
import { createPool } from "./create-pool.ts";
import { nextEvent, recordedOfWorkers } from "./fixtures/events.ts";
import {
  type FakeAdapter,
  type FakeAdapterOptions,
  type FakeHandler,
  fakeAdapter,
  fakeClock,
} from "./testing/index.ts";

const where: FakeHandler = (_args, _context, workerId) => workerId;

interface Reach {
  readonly adapter: Adapter;
  readonly fake: FakeAdapter;
  /** By worker. */
  readonly watchers: Map<string, ReachWatcher>;
}

/** Workers whose connections can be lost and come back. */
function reachable(onPing?: FakeAdapterOptions["onPing"]): Reach {
  const fake = fakeAdapter({ handlers: { where }, ...(onPing === undefined ? {} : { onPing }) });
  const watchers = new Map<string, ReachWatcher>();
  const adapter: Adapter = {
    name: "reachable",
    launcher: fake.launcher,
    spec: () => fake.spec(),
    connect: async (process, options) =>
      Object.assign(await fake.connect(process, options), {
        watchReach: (watcher: ReachWatcher) => void watchers.set(process.workerId, watcher),
      }),
  };
  return { adapter, fake, watchers };
}

test("a worker that cannot be reached gets no calls until it is back, and keeps its sessions", async () => {
  const { adapter, watchers } = reachable();
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada", { affinity: "require" });
  const home = String(await session.execute("where"));
  const events = recordedOfWorkers(pool);

  watchers.get(home)?.lost();
  expect(pool.workers().find(({ id }) => id === home)?.state).toBe("suspect");
  const others = await Promise.all(Array.from({ length: 4 }, () => pool.execute("where")));
  expect(others).not.toContain(home);
  const waiting = session.execute("where");

  watchers.get(home)?.back();
  expect(await waiting).toBe(home);
  expect(events).toEqual([
    expect.objectContaining({ name: "worker-suspect", workerId: home }),
    expect.objectContaining({ name: "worker-recovered", workerId: home }),
  ]);
});

test("a worker that cannot be reached is not ended for its silence", async () => {
  const { adapter, watchers } = reachable(() => new Promise<void>(() => {}));
  const clock = fakeClock();
  await using pool = await createPool({ adapter, clock, minWorkers: 1, maxWorkers: 1 });
  const [worker] = pool.workers();
  const away = worker?.id ?? "";
  const events = recordedOfWorkers(pool);
  watchers.get(away)?.lost();
  await clock.advance(120_000);
  expect(pool.workers()).toMatchObject([{ id: away, state: "suspect" }]);
  watchers.get(away)?.back();
  expect(await pool.execute("where")).toBe(away);
  expect(events).toMatchObject([{ name: "worker-suspect" }, { name: "worker-recovered" }]);
});

test("the sessions of a worker that ends while it cannot be reached are lost with it", async () => {
  const { adapter, fake, watchers } = reachable();
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const pinned = pool.session("ada", { affinity: "require" });
  const home = String(await pinned.execute("where"));
  watchers.get(home)?.lost();
  const waiting = pinned.execute("where");
  const lost = nextEvent(pool, "session-lost");
  fake.kill(home);
  expect(await lost).toMatchObject({ sessionId: "ada", workerId: home });
  await expect(waiting).rejects.toMatchObject({ code: "SESSION_LOST" });
});

import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { gate } from "../fixtures/gate.ts";
import { failure, lightPool } from "../fixtures/real-pools.ts";
import { smallPool } from "../fixtures/small-pool.ts";
import { until } from "../fixtures/until.ts";
import { instrument } from "./index.ts";

function metering() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  return {
    options: { meterProvider },
    async collected() {
      exporter.reset();
      await reader.forceFlush();
      const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
      return all.flatMap(({ metrics }) => metrics);
    },
    [Symbol.asyncDispose]: () => meterProvider.shutdown(),
  };
}

type Collected = Awaited<ReturnType<ReturnType<typeof metering>["collected"]>>;

/** The points of one metric, as [attributes, value]; of a histogram how many there are. */
function points(metrics: Collected, name: string): [Record<string, unknown>, unknown][] {
  const metric = metrics.find(({ descriptor }) => descriptor.name === name);
  if (metric === undefined) throw new Error(`no metric ${name}`);
  if (metric.dataPointType === DataPointType.HISTOGRAM)
    return metric.dataPoints.map(({ attributes, value }) => [{ ...attributes }, value.count]);
  return metric.dataPoints.map(({ attributes, value }) => [{ ...attributes }, value]);
}

const pool = { "snakepit.pool.name": "default" };
const echo = { ...pool, "rpc.method": "echo" };

test("calls, their errors by code and their times are measured", async () => {
  await using meters = metering();
  const count = async function* () {
    yield 1;
    yield 2;
  };
  await using one = await smallPool({ handlers: { count, echo: (args) => args, fail } });
  using _ = instrument(one.pool, meters.options);
  for (let n = 0; n < 3; n++) await one.pool.execute("echo", n);
  await failure(one.pool.execute("fail"));
  for await (const _chunk of one.pool.stream("count"));
  const metrics = await meters.collected();
  const failed = { ...pool, "rpc.method": "fail", "error.type": "OTHER" };
  const stream = { ...pool, "rpc.method": "count" };
  expect(points(metrics, "snakepit.calls")).toEqual([
    [echo, 3],
    [failed, 1],
    [stream, 1],
  ]);
  expect(points(metrics, "snakepit.call.run.duration")).toEqual([
    [echo, 3],
    [failed, 1],
    [stream, 1],
  ]);
  expect(points(metrics, "snakepit.call.queue.duration")).toContainEqual([echo, 3]);
  expect(points(metrics, "snakepit.streams")).toEqual([[stream, 1]]);
  expect(points(metrics, "snakepit.stream.chunks")).toEqual([[stream, 2]]);
  expect(metrics.map(({ descriptor }) => descriptor.unit)).toEqual(
    expect.arrayContaining(["s", "{call}", "{worker}", "{session}"]),
  );
});

function fail(): never {
  throw new Error("no");
}

test("a call that no worker took has waited and has not run", async () => {
  await using meters = metering();
  await using one = await smallPool({ options: { maxQueue: 0 } });
  using _ = instrument(one.pool, meters.options);
  const running = failure(one.pool.execute("slow", 0, { timeoutMs: 50 }));
  await failure(one.pool.execute("echo"));
  await running;
  const metrics = await meters.collected();
  expect(points(metrics, "snakepit.call.queue.duration")).toContainEqual([echo, 1]);
  expect(points(metrics, "snakepit.call.run.duration")).toEqual([
    [{ ...pool, "rpc.method": "slow", "error.type": "TIMEOUT" }, 1],
  ]);
});

test("what a pool is now is asked at each collection: queue, calls, workers by state, sessions", async () => {
  await using meters = metering();
  const held = gate();
  await using one = await smallPool({ handlers: { held: held.handler } });
  using _ = instrument(one.pool, meters.options);
  one.pool.session("ada");
  const calls = [1, 2, 3].map(() => one.pool.execute("held"));
  const metrics = await meters.collected();
  expect(points(metrics, "snakepit.queue.depth")).toEqual([[pool, 2]]);
  expect(points(metrics, "snakepit.calls.running")).toEqual([[pool, 1]]);
  expect(points(metrics, "snakepit.sessions")).toEqual([[pool, 1]]);
  const state = (name: string) => ({ ...pool, "snakepit.worker.state": name });
  expect(points(metrics, "snakepit.workers")).toEqual([
    [state("starting"), 0],
    [state("ready"), 1],
    [state("suspect"), 0],
    [state("draining"), 0],
  ]);
  for (let n = 1; n <= 3; n++) {
    await one.adapter.received("held", n);
    held.open();
  }
  await Promise.all(calls);
  expect(points(await meters.collected(), "snakepit.queue.depth")).toEqual([[pool, 0]]);
});

test("real workers' memory is measured, and their replacement counted", async () => {
  await using meters = metering();
  await using real = await lightPool({ minWorkers: 1, maxWorkers: 1 });
  using _ = instrument(real.pool, meters.options);
  await until(() => real.pool.workers().every(({ memoryBytes = 0 }) => memoryBytes > 0));
  const [[, bytes] = []] = points(await meters.collected(), "snakepit.worker.memory");
  expect(bytes).toBeGreaterThan(100_000);
  await failure(real.pool.execute("die", "KILL"));
  const why = { "snakepit.stop.reason": "exited", "snakepit.stop.cause": "signal" };
  const metrics = await meters.collected();
  expect(points(metrics, "snakepit.worker.restarts")).toEqual([[{ ...pool, ...why }, 1]]);
});

test("a worker that is not needed any more is no restart", async () => {
  await using meters = metering();
  await using one = await smallPool({ options: { minWorkers: 2, maxWorkers: 2 } });
  using _ = instrument(one.pool, meters.options);
  await one.pool.resize({ minWorkers: 1, maxWorkers: 1 });
  await until(() => one.pool.workers().length === 1);
  const names = (await meters.collected()).map(({ descriptor }) => descriptor.name);
  expect(names).not.toContain("snakepit.worker.restarts");
});

test("a pool that is closed counts as empty, not as what it last was", async () => {
  await using meters = metering();
  await using one = await smallPool();
  using _ = instrument(one.pool, meters.options);
  one.pool.session("left-open");
  const state = { ...pool, "snakepit.worker.state": "ready" };
  expect(points(await meters.collected(), "snakepit.workers")).toContainEqual([state, 1]);
  await one.pool.close();
  const later = await meters.collected();
  expect(points(later, "snakepit.workers")).toContainEqual([state, 0]);
  expect(points(later, "snakepit.sessions")).toEqual([[pool, 0]]);
});

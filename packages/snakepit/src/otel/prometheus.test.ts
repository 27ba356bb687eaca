import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { createPools } from "../create-pools.ts";
import { missingPrometheus, prometheus } from "../fixtures/prometheus.ts";
import { failure, lightAdapter } from "../fixtures/real-pools.ts";
import { instrument } from "./index.ts";

const missing = missingPrometheus();
const name = "the real Prometheus reads calls, errors, workers and memory of every pool";

if (missing === undefined) test(name, readByPrometheus, 60_000);
else lacks(missing);

/** Where the machine was set up for these tests, what is missing is a failure. */
function lacks(what: string): void {
  if (process.env["SNAKEPIT_CI"] === "1") {
    test(name, () => expect.unreachable(what));
  } else {
    console.warn(`${name} (skipped: ${what})`);
    test.skip(`${name} (${what})`, readByPrometheus);
  }
}

async function readByPrometheus(): Promise<void> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  await using _provider = { [Symbol.asyncDispose]: () => meterProvider.shutdown() };
  await using pools = await createPools({
    small: { adapter: lightAdapter(), minWorkers: 1, maxWorkers: 1 },
    large: { adapter: lightAdapter(), minWorkers: 2, maxWorkers: 2 },
  });
  using _ = instrument(pools, { meterProvider });
  await using server = await prometheus((request, response) =>
    exporter.getMetricsRequestHandler(request, response),
  );
  const [small, large] = [pools.pool("small"), pools.pool("large")];
  for (let n = 0; n < 5; n++) await small.execute("echo", n);
  await failure(small.execute("nonsense"));
  await failure(large.execute("die", "KILL"));

  const value = async (query: string) => (await server.query(query))[0]?.value;
  const settles = (query: string) => expect.poll(() => value(query), { timeout: 20_000 });
  const of = (pool: string, more = "") => `{snakepit_pool_name="${pool}"${more}}`;
  await settles(`snakepit_calls_total${of("small", ',rpc_method="echo",error_type=""')}`).toBe(5);
  await settles(`snakepit_calls_total${of("small", ',rpc_method="nonsense"')}`).toBe(1);
  await settles(
    `snakepit_calls_total${of("large", ',rpc_method="die",error_type="WORKER_EXITED"')}`,
  ).toBe(1);
  await settles(`snakepit_worker_restarts_total${of("large")}`).toBe(1);
  await settles(`sum(snakepit_workers${of("large", ',snakepit_worker_state="ready"')})`).toBe(2);
  await settles(`snakepit_worker_memory${of("small")}`).toBeGreaterThan(100_000);
  await settles(`snakepit_call_run_duration_count${of("small", ',rpc_method="echo"')}`).toBe(5);
  const slowest = `histogram_quantile(0.99, snakepit_call_run_duration_bucket${of("small", ',rpc_method="echo"')})`;
  await settles(slowest).toBeLessThan(10);
}

import { Console } from "node:console";
import { Writable } from "node:stream";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createPool } from "../create-pool.ts";
import { nextEvent } from "../fixtures/events.ts";
import { kill, lightPool } from "../fixtures/real-pools.ts";
import { smallPool } from "../fixtures/small-pool.ts";
import { until } from "../fixtures/until.ts";
import { fakeAdapter } from "../testing/fake-adapter.ts";
import type { LogFields, Logger } from "./logger.ts";

function written() {
  let text = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream, text: () => text };
}

interface Line {
  readonly level: string;
  readonly fields: LogFields;
  readonly message: string;
}

function collecting(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: LogFields, message: string) =>
    void lines.push({ level, fields, message });
  return {
    logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
    lines,
  };
}

test("a pino logger fits as it is: fields, message and level arrive where pino keeps them", async () => {
  const { stream, text } = written();
  await using real = await lightPool({ logger: pino({ level: "debug" }, stream), minWorkers: 1 });
  const stopped = nextEvent(real.pool, "worker-stopped");
  kill(real.pids());
  const { workerId } = await stopped;
  const lines = text()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 40,
      event: "worker-stopped",
      pool: expect.stringMatching(/^pool-\d+$/),
      workerId,
      reason: "exited",
      cause: "signal",
      exit: { kind: "signaled", signal: "SIGKILL" },
      msg: expect.stringContaining(`worker ${workerId} was ended by SIGKILL`),
    }),
  );
});

test("pino shows the error of a failed start with its stack", async () => {
  const { stream, text } = written();
  const onStart = () => {
    throw new Error("no GPU is left");
  };
  const logger = pino(stream);
  await createPool({ adapter: fakeAdapter({ onStart }), maxWorkers: 1, logger }).catch(() => {});
  const line =
    text()
      .split("\n")
      .find((one) => one.includes("worker-start-failed")) ?? "{}";
  expect(JSON.parse(line)).toMatchObject({
    level: 50,
    err: { code: "WORKER_START_FAILED", stack: expect.stringContaining("no GPU is left") },
  });
});

test("the console fits as it is", async () => {
  const { stream, text } = written();
  await using _ = await smallPool({ options: { logger: new Console(stream) } });
  expect(text()).toContain("event: 'pool-ready'");
  expect(text()).toMatch(/pool pool-\d+: ready with 1 worker after \d+ ms/);
});

test("each thing is written at its level, with the fields of its event", async () => {
  const { logger, lines } = collecting();
  const { pool, adapter } = await smallPool({
    options: { logger, maxQueue: 0 },
    confirmCancelAfterMs: 50,
  });
  const blocked = pool.execute("slow", 0, { timeoutMs: 50 }).catch(() => {});
  await adapter.received("slow");
  await pool.execute("echo").catch(() => {});
  await blocked;
  await pool.close();
  const [workerId] = lines.flatMap(({ fields }) => fields["workerId"] ?? []);
  const seen = lines.map(({ level, fields }) => [level, fields.event]);
  expect(seen).toEqual([
    ["debug", "worker-starting"],
    ["info", "worker-ready"],
    ["info", "pool-ready"],
    ["warn", "pool-saturated"],
    ["debug", "worker-draining"],
    ["info", "worker-stopped"],
    ["info", "pool-closed"],
  ]);
  expect(lines[1]?.fields).toMatchObject({ event: "worker-ready", workerId });
  expect(lines[3]?.fields).toMatchObject({ queued: 0, maxQueue: 0 });
});

test("a logger without debug is spared what is only of interest to developers", async () => {
  const { logger, lines } = collecting();
  const { debug: _, ...rest } = logger;
  await using _pool = await smallPool({ options: { logger: rest } });
  expect(lines.map(({ fields }) => fields.event)).toEqual(["worker-ready", "pool-ready"]);
});

test("a logger that throws does no harm", async () => {
  const warnings: string[] = [];
  const keep = (warning: Error) => void warnings.push(warning.message);
  process.on("warning", keep);
  onTestFinished(() => void process.off("warning", keep));
  const broken = () => {
    throw new Error("disk full");
  };
  const logger = { info: broken, warn: broken, error: broken };
  await using one = await smallPool({ options: { logger } });
  expect(await one.pool.execute("echo", 1)).toBe(1);
  await until(() => warnings.length > 0);
  expect(warnings[0]).toContain("disk full");
});

test("calls are not written, however many there are", async () => {
  const { logger, lines } = collecting();
  await using one = await smallPool({ options: { logger } });
  const before = lines.length;
  await Promise.all(Array.from({ length: 10 }, () => one.pool.execute("echo")));
  expect(lines).toHaveLength(before);
});

test("the host's own secrets and credentials in URLs are not written", async () => {
  process.env["SNAKEPIT_TEST_TOKEN"] = "host-secret-1";
  onTestFinished(() => void delete process.env["SNAKEPIT_TEST_TOKEN"]);
  const { logger, lines } = collecting();
  const onStart = () => {
    throw new Error("redis://ada:pw@db refuses host-secret-1");
  };
  const adapter = fakeAdapter({ onStart });
  await createPool({ adapter, maxWorkers: 1, logger }).catch(() => {});
  const failed = lines.filter(({ fields }) => fields.event === "worker-start-failed");
  const texts = failed.flatMap(({ message, fields: { err } }) => [message, (err as Error).stack]);
  expect(texts).toHaveLength(2);
  for (const text of texts) {
    expect(text).toContain("redis://[redacted]@db refuses [redacted]");
    expect(text).not.toMatch(/ada|host-secret/);
  }
});

test("what is no logger is refused, with every method that is missing", async () => {
  const create = (logger: unknown) =>
    createPool({ adapter: fakeAdapter(), logger: logger as Logger, telemetry: 1 as never });
  await expect(create("console")).rejects.toThrow(/logger must be an object .* not "console"/);
  await expect(create({ info() {}, warn: 1, debug: "x" })).rejects.toThrow(
    /telemetry must be true or false, not 1.*logger\.warn must be a function, not 1; logger\.error .*; logger\.debug/,
  );
});

import { once } from "node:events";
import { expect, test } from "vitest";
import { ended, InspectedPlace } from "../fixtures/inspected.ts";
import { isRunning } from "../fixtures/processes.ts";
import { until } from "../fixtures/until.ts";

/** What a command has printed as JSON. Fails with what it has said if it has failed. */
async function json(place: InspectedPlace, ...args: readonly string[]) {
  const { code, stdout, stderr } = await place.command(...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

test("status shows applications, their pools, and what they do", async () => {
  await using place = new InspectedPlace();
  const busy = await place.host({ callers: 2 });
  const idle = await place.host({ pools: 2 });
  const { code, stdout } = await place.command("status");
  expect(code).toBe(0);
  expect(stdout).not.toContain("\x1b");
  expect(stdout).toMatch(
    new RegExp(`inspected-host.mjs  pid ${busy.pid}  up \\d+ s  .* MiB  Node`),
  );
  expect(stdout).toMatch(new RegExp(`inspected-host.mjs  pid ${idle.pid}`));
  expect(stdout.match(/^pool-\d +2 /gm)).toHaveLength(3);
  const { applications, silent } = await json(place, "status");
  expect(silent).toEqual([]);
  expect(applications).toMatchObject([
    { pid: busy.pid, thread: 0, pools: [{ stats: { running: 2, workers: { ready: 2 } } }] },
    { pid: idle.pid, pools: [{ callsPerSecond: 0 }, { stats: { running: 0 } }] },
  ]);
  expect(applications[0].pools[0].callsPerSecond).toBeGreaterThan(1);
});

test("one of several applications is chosen by its pid or its name", async () => {
  await using place = new InspectedPlace();
  await place.host();
  const host = await place.host();
  expect(await json(place, "workers", "--pid", String(host.pid))).toMatchObject(
    host.workers.map(({ id, pid }) => ({ id, pid, application: { pid: host.pid } })),
  );
  expect(await json(place, "workers", "--app", "inspected-host")).toHaveLength(4);
  expect(await place.command("workers", "--app", "inspekted-host")).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/is named "inspekted-host"; meant inspected-host\?\n$/),
  });
  expect(await place.command("workers", "--pid", "1")).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^snakepit: no running application has the pid 1; there are /),
  });
});

test("the pools of a second thread are seen as well", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ thread: true }, 2);
  const { applications } = await json(place, "status");
  expect(applications).toMatchObject([
    { pid: host.pid, thread: expect.any(Number), pools: [{}] },
    { pid: host.pid, thread: expect.any(Number), pools: [{}] },
  ]);
  const threads = applications.map(({ thread }: { thread: number }) => thread);
  expect(new Set(threads)).toEqual(new Set([0, 1]));
});

test("a worker that is recycled is replaced first, and no call fails", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ callers: 2 });
  const [first] = host.workers;
  const before = await json(place, "workers");
  const { old, new: successor } = await json(place, "recycle", "w1");
  expect(old).toBe("w1");
  expect(before.map(({ id }: { id: string }) => id)).not.toContain(successor);
  await until(() => !isRunning(first?.pid ?? 0));
  const after = await json(place, "workers");
  expect(after.map(({ id }: { id: string }) => id).sort()).toEqual(["w2", successor].sort());
  const { applications } = await json(place, "status");
  expect(applications[0].pools[0].stats).toMatchObject({ failed: 0, retried: 0 });
});

test("a worker on which a session keeps something is recycled only by force", async () => {
  await using place = new InspectedPlace();
  const host = await place.host();
  const home = await host.tell("pin");
  expect(await place.command("recycle", home)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/a session keeps something on worker w\d that would be lost/),
  });
  expect(await json(place, "recycle", home, "--force")).toMatchObject({ old: home });
});

test("a worker that several applications have is named by its pid", async () => {
  await using place = new InspectedPlace();
  const one = await place.host();
  await place.host();
  expect(await place.command("recycle", "w1")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/w1 is a worker of .* and of .*; name it by its own pid/),
  });
  const [worker] = one.workers;
  expect(await json(place, "recycle", String(worker?.pid))).toMatchObject({
    application: { pid: one.pid },
    old: "w1",
  });
});

test("trace shows frames with times and sizes, and values only when asked for", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ callers: 1 });
  for (const flags of [[], ["--values"]]) {
    const trace = place.start("trace", String(host.workers[0]?.pid), ...flags);
    let text = "";
    trace.stdout.on("data", (chunk) => {
      text += chunk;
    });
    await until(() => /-> {2}call.*<- {2}result/s.test(text));
    trace.kill("SIGINT");
    await once(trace, "exit");
    const line = /^\d\d:\d\d:\d\d\.\d{3} {2}-> {2}call +#\d+ +echo +\d+ B/m;
    expect(text).toMatch(line);
    expect(text.includes('"text":"hello"')).toBe(flags.length > 0);
    expect(text).not.toContain("hush");
  }
});

test("a trace for programs has a frame in each line", async () => {
  await using place = new InspectedPlace();
  await place.host({ callers: 1 });
  const trace = place.start("trace", "w1", "--json");
  const lines: unknown[] = [];
  let rest = "";
  trace.stdout.on("data", (chunk) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts.map((line) => JSON.parse(line)));
  });
  await until(() => lines.length > 2);
  trace.kill("SIGINT");
  expect(lines[0]).toMatchObject({ pool: "pool-1", worker: "w1" });
  expect(lines[1]).toMatchObject({ kind: expect.any(String), bytes: expect.any(Number) });
});

test("a trace ends with its worker, and says so", async () => {
  await using place = new InspectedPlace();
  const host = await place.host();
  const trace = place.start("trace", "w1");
  await once(trace.stdout, "data");
  process.kill(host.workers[0]?.pid ?? 0, "SIGKILL");
  const { code, stdout } = await ended(trace);
  expect(stdout).toMatch(/worker w1 has stopped\n$/);
  expect(code).toBe(0);
});

test("a trace of an application that closes its pools ends with the worker", async () => {
  await using place = new InspectedPlace();
  const host = await place.host();
  const trace = place.start("trace", "w1");
  const result = ended(trace);
  await once(trace.stdout, "data");
  await host.tell("close");
  expect(await result).toMatchObject({ code: 0, stdout: expect.stringMatching(/has stopped\n$/) });
});

test("an application that dies while it is traced is told of", async () => {
  await using place = new InspectedPlace();
  const host = await place.host();
  const trace = place.start("trace", "w1");
  const result = ended(trace);
  await once(trace.stdout, "data");
  host.process.kill("SIGKILL");
  expect(await result).toMatchObject({
    code: 4,
    stderr: "snakepit: the application has ended, or closed its pools\n",
  });
});

test("a command that is killed while it traces does the application no harm", async () => {
  await using place = new InspectedPlace();
  await place.host({ callers: 2 });
  for (let round = 0; round < 5; round++) {
    const trace = place.start("trace", "w1", "--values");
    await once(trace.stdout, "data");
    trace.kill("SIGKILL");
    await once(trace, "exit");
  }
  const { applications } = await json(place, "status");
  expect(applications[0].pools[0]).toMatchObject({ stats: { failed: 0, workers: { ready: 2 } } });
  expect(applications[0].pools[0].callsPerSecond).toBeGreaterThan(1);
});

test("dump is everything as one document, without the values of sessions", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ options: { maxQueue: 7 } });
  const { code, stdout } = await place.command("dump");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    takenAt: expect.any(String),
    applications: [
      {
        application: { pid: host.pid, name: "inspected-host.mjs" },
        pools: [
          {
            name: "pool-1",
            options: {
              maxQueue: 7,
              callTimeoutMs: 30_000,
              maxCalls: "Infinity",
              launcher: "local",
            },
            stats: { queued: 0 },
            workers: [{ id: "w1", history: [{ what: "ready" }] }, { id: "w2" }],
            sessions: { open: 0 },
          },
        ],
      },
    ],
  });
});

test("sessions tells how many are open", async () => {
  await using place = new InspectedPlace();
  const host = await place.host();
  await host.tell("pin");
  expect((await place.command("sessions")).stdout).toMatch(/^pool pool-1: 1 open/m);
  expect(await json(place, "sessions", "--sweep")).toMatchObject([
    { application: { pid: host.pid }, pools: [{ pool: "pool-1", open: 1 }] },
  ]);
});

test("an application that is halted is listed as one that does not answer", async () => {
  await using place = new InspectedPlace();
  await place.host();
  const halted = await place.host();
  process.kill(halted.pid, "SIGSTOP");
  const { applications, silent } = await json(place, "status");
  const one = await place.command("workers", "--pid", String(halted.pid));
  process.kill(halted.pid, "SIGCONT");
  expect(one).toMatchObject({
    code: 4,
    stderr: `snakepit: pid ${halted.pid} does not answer: it may be halted, or compute\n`,
  });
  expect(applications).toHaveLength(1);
  expect(silent).toEqual([{ pid: halted.pid }]);
});

test("a reader that has seen enough ends the command quietly", async () => {
  await using place = new InspectedPlace();
  await place.host({ callers: 2 });
  const trace = place.start("trace", "w1");
  await once(trace.stdout, "data");
  trace.stdout.destroy();
  let stderr = "";
  trace.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(trace, "exit");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

test.each([
  [["stauts"], /^snakepit: unknown command 'stauts'; did you mean status\?\n$/],
  [["status", "--jsn"], /^snakepit: unknown option '--jsn'; did you mean --json\?\n$/],
  [["recycle"], /^snakepit: missing required argument 'worker'\n$/],
  [["status", "--pid", "-5"], /^snakepit: option '--pid <pid>' .*a pid is a number above 0\.\n$/],
  [["status", "more"], /^snakepit: too many arguments for 'status'/],
])("%j is refused in one sentence", async (args, refusal) => {
  await using place = new InspectedPlace();
  const { code, stdout, stderr } = await place.command(...args);
  expect(stderr).toMatch(refusal);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});

test("help tells of every command and of the exit codes", async () => {
  await using place = new InspectedPlace();
  const { code, stdout, stderr } = await place.command("--help");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const word of [
    "status",
    "top",
    "workers",
    "sessions",
    "recycle",
    "orphans",
    "trace",
    "dump",
  ])
    expect(stdout).toMatch(new RegExp(`^ {2}${word} `, "m"));
  expect(stdout).toMatch(/Exit codes: 0 done; 1 failed; 2 wrong command line;/);
});

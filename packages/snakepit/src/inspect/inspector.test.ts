import { once } from "node:events";
import { mkdirSync, rmdirSync, statSync, symlinkSync } from "node:fs";
import { expect, test } from "vitest";
import { HandClient, InspectedPlace } from "../fixtures/inspected.ts";
import { untilGone } from "../fixtures/processes.ts";
import { scratch } from "../fixtures/scratch.ts";
import { until } from "../fixtures/until.ts";
import { MAX_QUESTION_BYTES, type PoolWorkers } from "./protocol.ts";

function only(place: InspectedPlace): string {
  const [path, ...others] = place.sockets;
  expect(others).toEqual([]);
  return path as string;
}

test("an application can be looked at by its own user alone", async () => {
  await using place = new InspectedPlace();
  await place.host();
  expect(statSync(place.directory).mode & 0o777).toBe(0o700);
  expect(statSync(only(place)).mode & 0o777).toBe(0o600);
});

test("an application can be looked at while a pool is open, and no longer", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ pools: 2 });
  using client = await HandClient.dial(only(place));
  client.ask(1, "application", {});
  expect(await client.answer(1)).toMatchObject({
    answer: { pid: host.pid, pools: [{ name: "pool-1" }, { name: "pool-2" }] },
  });
  await host.tell("close");
  expect(place.sockets).toEqual([]);
  await until(() => client.isClosed);
});

test.each([
  ["its option says so", { options: { inspect: false } }, {}],
  ["the environment says so", {}, { SNAKEPIT_INSPECT: "0" }],
])("an application cannot be looked at when %s", async (_, plan, env) => {
  await using place = new InspectedPlace(env);
  const host = await place.host(plan, 0);
  // Its pools have opened and closed: whatever was to come has come.
  await host.tell("close");
  const { code, stderr } = await place.command("status");
  expect(stderr).toMatch(/^snakepit: no running application was found/);
  expect(code).toBe(3);
});

test("where the usual folder has too long a path, the socket is in another, and is found", async () => {
  using temporary = scratch();
  const XDG_STATE_HOME = temporary.file("x".repeat(100));
  await using place = new InspectedPlace({ XDG_STATE_HOME, TMPDIR: temporary.file("") });
  const host = await place.host({}, 0);
  const seen = async () => JSON.parse((await place.command("status", "--json")).stdout || "{}");
  await expect.poll(seen, { timeout: 10_000 }).toMatchObject({ applications: [{ pid: host.pid }] });
});

test("no socket is made in a folder that is a link to another", async () => {
  await using place = new InspectedPlace();
  using other = scratch();
  symlinkSync(other.file(""), place.directory);
  const host = await place.host({}, 0);
  await host.tell("close");
  expect(place.sockets).toEqual([]);
});

test("a program to which somebody is attached still ends by itself", async () => {
  await using place = new InspectedPlace();
  const host = await place.host();
  using client = await HandClient.dial(only(place));
  client.ask(1, "trace", { worker: "w1" });
  await client.answer(1);
  host.process.stdin?.write("letGo\n");
  const [code] = await once(host.process, "exit");
  expect(code).toBe(0);
  await until(() => client.isClosed);
  expect(place.sockets).toEqual([]);
});

test.each(["exit", "killed"])(
  "nothing is left of the socket of a program that was %s",
  async (how) => {
    await using place = new InspectedPlace();
    const host = await place.host();
    if (how === "exit") host.process.stdin?.write("exit\n");
    else host.process.kill("SIGKILL");
    await untilGone([host.pid]);
    // Of a killed one it is the janitor that removes it.
    await until(() => place.sockets.length === 0);
  },
);

test.each([
  ["no JSON", "hello?\n", /line of JSON, not "hello\?"/],
  ["of another version", '{"v":2,"id":1,"ask":"workers"}\n', /speaks version 1, not 2/],
  ["without an id", '{"v":1,"ask":"workers"}\n', /id of a question is a number/],
  ["misspelt", '{"v":1,"id":1,"ask":"wokers"}\n', /no question "wokers"; meant workers\?/],
  ["a flag that is none", '{"v":1,"id":1,"ask":"dump","values":1}\n', /values is true or false/],
  ["for no worker", '{"v":1,"id":1,"ask":"recycle"}\n', /worker is the id or pid/],
  ["too long", `{"v":"${"x".repeat(MAX_QUESTION_BYTES)}`, /more than 65536 bytes/],
])("a question that is %s ends its own connection only", async (_, question, refusal) => {
  await using place = new InspectedPlace();
  await place.host();
  using bystander = await HandClient.dial(only(place));
  using client = await HandClient.dial(only(place));
  client.write(question);
  await until(() => client.isClosed);
  expect(client.messages).toEqual([
    {
      v: 1,
      id: expect.any(Number),
      error: { code: "PROTOCOL", message: expect.stringMatching(refusal) },
    },
  ]);
  bystander.ask(1, "workers", {});
  expect(await bystander.answer(1)).toHaveProperty("answer");
});

test("questions are answered in their order, however many come at once", async () => {
  await using place = new InspectedPlace();
  await place.host();
  using client = await HandClient.dial(only(place));
  const ids = Array.from({ length: 500 }, (_, index) => index + 1);
  client.write(ids.map((id) => `{"v":1,"id":${id},"ask":"application"}\n`).join(""));
  await client.answer(500);
  expect(client.messages.map(({ id }) => id)).toEqual(ids);
});

test("somebody who asks and never reads costs the application no memory", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ callers: 1 });
  using deaf = await HandClient.dial(only(place));
  using client = await HandClient.dial(only(place));
  const memory = async (id: number) => {
    client.ask(id, "application", {});
    const message = await client.answer(id);
    if (!("answer" in message)) throw new Error("no answer");
    return (message.answer as { memoryBytes: number }).memoryBytes;
  };
  const before = await memory(1);
  deaf.socket.pause();
  // 200,000 answers of 600 bytes would be 120 MB.
  for (let batch = 0; batch < 200; batch++)
    deaf.write('{"v":1,"id":1,"ask":"application"}\n'.repeat(1_000));
  for (let id = 2; id < 50; id++) await memory(id);
  expect(await memory(50)).toBeLessThan(before + 60_000_000);
  expect(host.stderr()).toBe("");
});

test("a connection traces one worker, so that what it keeps has a bound", async () => {
  await using place = new InspectedPlace();
  await place.host();
  using client = await HandClient.dial(only(place));
  client.ask(1, "trace", { worker: "w1" });
  client.ask(2, "trace", { worker: "w2" });
  expect(await client.answer(2)).toMatchObject({ error: { code: "WORKER_BUSY" } });
});

test("a program whose folder was removed can be looked at", async () => {
  await using place = new InspectedPlace();
  using gone = scratch();
  const cwd = gone.file("cwd");
  mkdirSync(cwd);
  await place.host({ cwd });
  rmdirSync(cwd);
  using client = await HandClient.dial(only(place));
  client.ask(1, "application", {});
  expect(await client.answer(1)).toMatchObject({ answer: { cwd: "" } });
});

test("a trace that is read slowly drops frames, counts them, and grows nothing", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ callers: 2, fast: true, text: "x".repeat(800) });
  using slow = await HandClient.dial(only(place));
  using client = await HandClient.dial(only(place));
  slow.ask(1, "trace", { worker: "w1", values: true });
  await slow.answer(1);
  slow.socket.pause();
  const before = await callsOf(client, 1);
  // Twice as many frames, of a thousand bytes each.
  for (let id = 2; (await callsOf(client, id)) < before + 10_000; id++);
  slow.socket.resume();
  const dropped = () =>
    slow.messages.reduce((sum, one) => sum + ("dropped" in one ? one.dropped : 0), 0);
  await until(() => dropped() > 0);
  const lines = slow.messages.flatMap((one) => ("frames" in one ? [one.frames.length] : []));
  expect(Math.max(...lines)).toBeLessThanOrEqual(1_000);
  expect(host.stderr()).toBe("");
});

/** Of all workers. */
async function callsOf(client: HandClient, id: number): Promise<number> {
  client.ask(id, "workers", {});
  const message = await client.answer(id);
  if (!("answer" in message)) throw new Error("no answer");
  const pools = message.answer as readonly PoolWorkers[];
  return pools.flatMap(({ workers }) => workers).reduce((sum, { calls }) => sum + calls, 0);
}

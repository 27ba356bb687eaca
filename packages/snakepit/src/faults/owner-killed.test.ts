import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { isRunning, type Owner, startOwner, untilGone } from "../fixtures/processes.ts";

async function application(): Promise<Owner> {
  const owner = await startOwner("pool-owner.mjs");
  onTestFinished(() => {
    owner.process.kill("SIGKILL");
  });
  // Four workers and two children.
  expect(owner.report.pids).toHaveLength(6);
  expect(owner.report.pids.filter(isRunning)).toEqual(owner.report.pids);
  return owner;
}

// Twenty hosts, two at a time.
const rounds = Array.from({ length: 10 }, (_, index) => index + 1);

test.for(rounds)(
  "nothing is left of a pool whose host is killed, whatever its workers did: round %i",
  async () => {
    const owners = await Promise.all([application(), application()]);
    for (const owner of owners) owner.process.kill("SIGKILL");
    const goneMs = await Promise.all(owners.map((owner) => untilGone(owner.report.pids)));
    expect(Math.max(...goneMs)).toBeLessThan(1_000);
  },
);

test("an application that is killed leaves the workers of another one alone", async () => {
  const [doomed, other] = await Promise.all([application(), application()]);
  doomed.process.kill("SIGKILL");
  await untilGone(doomed.report.pids);
  const answers = createInterface({ input: other.process.stdout as Readable });
  const answer = once(answers, "line");
  other.process.kill("SIGUSR2");
  expect(await answer).toEqual(['"here"']);
  expect(other.report.pids.filter(isRunning)).toEqual(other.report.pids);
  other.process.kill("SIGKILL");
  await untilGone(other.report.pids);
});

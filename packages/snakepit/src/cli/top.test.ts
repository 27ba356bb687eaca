import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { expect, test } from "vitest";
import { commandPath, InspectedPlace } from "../fixtures/inspected.ts";
import { fixture } from "../fixtures/processes.ts";
import { until } from "../fixtures/until.ts";

const leave = "\x1b[?25h\x1b[?1049l";

/** Skipped without a terminal. Where the machine was set up for these tests, never. */
const testInTerminal = test.skipIf(lacksTerminal());

function lacksTerminal(): boolean {
  // Other systems have a `script` that takes other arguments.
  const { stdout } = spawnSync("script", ["--version"], { encoding: "utf8" });
  if (stdout?.includes("util-linux") || process.env["SNAKEPIT_CI"] === "1") return false;
  console.warn("snakepit top in a terminal: skipped, because there is no script of util-linux");
  return true;
}

interface TerminalEnd {
  readonly code: number;
  /** The terminal has the settings again that it had before. */
  readonly restored: boolean;
}

/** The command in a terminal of 160 by 40; it goes with the block that it is used in. */
class Terminal implements Disposable {
  output = "";
  readonly pid: Promise<number>;
  readonly ended: Promise<TerminalEnd>;
  readonly #process;
  readonly #stdin: Writable;

  constructor(place: InspectedPlace, ...args: readonly string[]) {
    const command = [process.execPath, commandPath, ...args];
    this.#process = spawn("sh", [fixture("terminal.sh"), ...command], {
      env: { ...place.env, TERM: "xterm" },
      stdio: ["pipe", "pipe", "inherit", "pipe"],
    });
    const [stdin, stdout, , report] = this.#process.stdio;
    this.#stdin = stdin as Writable;
    const input = report as Readable;
    const reports = createInterface({ input })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await reports.next()).value ?? "null");
    const closed = once(this.#process, "close"); // only then all of the output is here
    this.pid = next().then(({ pid }) => pid);
    this.ended = Promise.all([this.pid.then(next), closed]).then(([end]) => end);
    (stdout as Readable).setEncoding("utf8").on("data", (text) => {
      this.output += text;
    });
  }

  [Symbol.dispose](): void {
    // Its terminal goes with it, and the hang-up ends the command.
    this.#process.kill("SIGKILL");
  }

  type(keys: string): void {
    this.#stdin.write(keys);
  }

  /** What the screen shows now, without colours. */
  get screen(): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told
    return (this.output.split("\x1b[H").at(-1) ?? "").replace(/\x1b\[[?\d;]*[a-zA-Z]/g, "");
  }

  until(shown: RegExp): Promise<void> {
    return until(
      () => shown.test(this.screen),
      () => this.output.slice(-2_000),
    );
  }
}

const callsPerSecond = /^pool-1 +2 .* [1-9][\d,.]*\/s /m;

testInTerminal("top shows a live pool under load, again and again, and leaves with q", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ callers: 4 });
  using terminal = new Terminal(place, "top");
  await terminal.until(callsPerSecond);
  expect(terminal.screen).toContain(`inspected-host.mjs  pid ${host.pid}`);
  for (const { id, pid } of host.workers)
    expect(terminal.screen).toMatch(new RegExp(`^${id} +${pid}  ready +1/1 +[\\d,.]+/s`, "m"));
  const calls = () => Number(/^w1 .*?\/s +([\d,]+)/m.exec(terminal.screen)?.[1]?.replace(",", ""));
  const before = calls();
  await until(() => calls() > before);
  terminal.type("q");
  expect(await terminal.ended).toEqual({ code: 0, restored: true });
  expect(terminal.output.endsWith(leave)).toBe(true);
});

testInTerminal.each([
  ["Ctrl-C", (terminal: Terminal) => terminal.type("\x03"), -2],
  ["SIGINT", async (terminal: Terminal) => process.kill(await terminal.pid, "SIGINT"), -2],
  ["SIGTERM", async (terminal: Terminal) => process.kill(await terminal.pid, "SIGTERM"), -15],
  ["SIGHUP", async (terminal: Terminal) => process.kill(await terminal.pid, "SIGHUP"), -1],
])(
  "top that is ended by %s gives the terminal back, and ends by the signal",
  async (_, end, code) => {
    await using place = new InspectedPlace();
    await place.host();
    using terminal = new Terminal(place, "top");
    await terminal.until(/^pool-1 /m);
    await end(terminal);
    expect(await terminal.ended).toEqual({ code, restored: true });
    expect(terminal.output.endsWith(leave)).toBe(true);
  },
);

testInTerminal(
  "top gives the terminal back when the last application has ended, and says so",
  async () => {
    await using place = new InspectedPlace();
    const host = await place.host();
    using terminal = new Terminal(place, "top");
    await terminal.until(/^pool-1 /m);
    host.process.kill("SIGKILL");
    expect(await terminal.ended).toEqual({ code: 4, restored: true });
    expect(terminal.output.split(leave)[1]).toBe(
      "snakepit: the application has ended, or closed its pools\r\n",
    );
  },
);

testInTerminal("top goes on with the others, and finds those that come", async () => {
  await using place = new InspectedPlace();
  const first = await place.host();
  using terminal = new Terminal(place, "top");
  await terminal.until(/ 1 running/);
  const second = await place.host();
  await terminal.until(/ 2 running/);
  first.process.kill("SIGKILL");
  await terminal.until(/ 1 running/);
  expect(terminal.screen).toContain(`pid ${second.pid}`);
  terminal.type("q");
  expect(await terminal.ended).toEqual({ code: 0, restored: true });
});

testInTerminal("top waits for an application that does not answer for a while", async () => {
  await using place = new InspectedPlace();
  const host = await place.host();
  using terminal = new Terminal(place, "top");
  await terminal.until(/^pool-1 /m);
  process.kill(host.pid, "SIGSTOP");
  await terminal.until(new RegExp(`^pid ${host.pid} does not answer`, "m"));
  process.kill(host.pid, "SIGCONT");
  await terminal.until(/^pool-1 /m);
  terminal.type("q");
  expect(await terminal.ended).toEqual({ code: 0, restored: true });
});

testInTerminal("top takes no terminal when there is nothing to see", async () => {
  await using place = new InspectedPlace();
  using terminal = new Terminal(place, "top");
  expect(await terminal.ended).toEqual({ code: 3, restored: true });
  expect(terminal.output).toMatch(/^snakepit: no running application was found in /);
});

testInTerminal("top has no colours where NO_COLOR says so", async () => {
  await using place = new InspectedPlace();
  await place.host();
  for (const [NO_COLOR, isBold] of [
    ["", true],
    ["1", false],
  ] as const) {
    Object.assign(place.env, { NO_COLOR });
    using terminal = new Terminal(place, "top");
    await terminal.until(/^pool-1 /m);
    terminal.type("q");
    await terminal.ended;
    expect(terminal.output.includes("\x1b[1m")).toBe(isBold);
  }
});

test("top for programs writes a line each second", async () => {
  await using place = new InspectedPlace();
  const host = await place.host({ callers: 2 });
  const top = place.start("top", "--json");
  const lines: { applications: { pools: { callsPerSecond?: number; workers: object[] }[] }[] }[] =
    [];
  createInterface({ input: top.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  await until(() => lines.length >= 3);
  top.kill("SIGTERM");
  const [, signal] = await once(top, "exit");
  expect(signal).toBe("SIGTERM");
  expect(lines[0]).toMatchObject({
    applications: [{ pid: host.pid, pools: [{ name: "pool-1" }] }],
  });
  const [pool] = lines[2]?.applications[0]?.pools ?? [];
  expect(pool?.callsPerSecond).toBeGreaterThan(1);
  expect(pool?.workers).toMatchObject([
    { id: "w1", callsPerSecond: expect.any(Number) },
    { id: "w2", callsPerSecond: expect.any(Number) },
  ]);
});

test("top that is no terminal is shown once, with the rate of a second", async () => {
  await using place = new InspectedPlace();
  await place.host({ callers: 2 });
  const { code, stdout } = await place.command("top");
  expect(code).toBe(0);
  expect(stdout).toMatch(callsPerSecond);
  expect(stdout).toMatch(/^this is no terminal, so that it was shown once; --json goes on$/m);
  expect(stdout).not.toContain("\x1b");
});

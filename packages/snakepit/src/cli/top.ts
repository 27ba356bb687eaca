import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import {
  type Attached,
  choose,
  type Found,
  findApplications,
  isSilent,
  matching,
  silentLines,
} from "./attach.ts";
import { ended } from "./client.ts";
import type { CommandOptions } from "./command.ts";
import type { Output } from "./output.ts";
import { type Look, look, poolRates, workerRate } from "./rates.ts";
import { Screen } from "./screen.ts";
import { applicationLine, poolTable, workerTable } from "./tables.ts";

const REFRESH_MS = 1_000;

/**
 * Applications, pools and workers, anew each second: on a terminal until `q` is pressed; with JSON
 * a line each second until nobody reads it; elsewhere once.
 */
export async function top(options: CommandOptions): Promise<void> {
  const { output } = options;
  using watch = new Watch(options);
  if (output.isJson) {
    for (;;) {
      output.jsonLine(topDocument(await watch.look()));
      await delay(REFRESH_MS);
    }
  }
  if (process.stdout.isTTY) return await showLive(watch, output);
  await watch.look();
  await delay(REFRESH_MS);
  for (const line of topLines(await watch.look())) output.line(line);
  output.line("this is no terminal, so that it was shown once; --json goes on");
}

async function showLive(watch: Watch, output: Output): Promise<void> {
  let seen = await watch.look(); // what is wrong is said before the terminal is taken
  const leaving = new AbortController();
  const { signal } = leaving;
  const left = once(signal, "abort").then(() => undefined);
  const show = () => screen.show(topLines(seen), output.bold);
  using screen = new Screen({
    onKey: (key) => {
      if (key === "q" || key === "Q") leaving.abort();
    },
    onResize: () => show(),
  });
  for (;;) {
    show();
    await delay(REFRESH_MS, undefined, { signal }).catch(() => {}); // left
    const next = signal.aborted ? undefined : await Promise.race([left, watch.look()]);
    if (next === undefined) return;
    seen = next;
  }
}

interface Seen {
  readonly now: readonly Look[];
  readonly before: ReadonlyMap<string, Look>;
  readonly found: Found;
}

/** Looks again and again, and finds applications that have come meanwhile. */
class Watch implements Disposable {
  readonly #options: CommandOptions;
  #attached: readonly Attached[] = [];
  #last: readonly Look[] = [];

  constructor(options: CommandOptions) {
    this.#options = options;
  }

  /** @throws CommandFailure `nothing`; `gone` when there were some before */
  async look(): Promise<Seen> {
    const found = await findApplications(this.#attached);
    this.#attached = found.attached;
    const chosen = matching(found, this.#options);
    // One that computes for a while is there all the same.
    if (chosen.length === 0 && !isSilent(found, this.#options)) {
      if (this.#last.length > 0) throw ended();
      choose(found, this.#options);
    }
    const looks = await Promise.all(chosen.map(look));
    const now = looks.filter((one) => one !== undefined);
    const before = new Map(this.#last.map((one) => [one.path, one]));
    if (now.length > 0) this.#last = now;
    return { now, before, found };
  }

  [Symbol.dispose](): void {
    for (const { client } of this.#attached) client[Symbol.dispose]();
  }
}

function topLines({ now, before, found }: Seen): string[] {
  const time = new Date().toLocaleTimeString("en-GB");
  const lines = [`snakepit top  ${time}  ${now.length} running  q leaves`];
  for (const one of now) {
    const earlier = before.get(one.path);
    lines.push("", applicationLine(one.application));
    lines.push(...poolTable(one.application, earlier?.application));
    lines.push("", ...workerTable(one, earlier));
  }
  return [...lines, "", ...silentLines(found)];
}

function topDocument({ now, before, found }: Seen) {
  return {
    at: new Date().toISOString(),
    applications: now.map((one) => {
      const { path, application, workers } = one;
      const earlier = before.get(path);
      return {
        ...application,
        pools: application.pools.map((pool) => ({
          ...pool,
          ...poolRates(pool, application, earlier?.application),
          workers: workers
            .filter((group) => group.pool === pool.name)
            .flatMap((group) => group.workers)
            .map((worker) => ({ ...worker, callsPerSecond: workerRate(worker, one, earlier) })),
        })),
      };
    }),
    silent: found.silent.map(({ pid }) => ({ pid })),
  };
}

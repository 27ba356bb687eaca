import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Attached, choose, findApplications } from "./attach.ts";
import type { CommandOptions } from "./command.ts";
import { CommandFailure } from "./failure.ts";
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
    const hadSome = this.#attached.length > 0;
    const { attached } = await findApplications(this.#attached);
    this.#attached = attached;
    if (hadSome && attached.length === 0)
      throw new CommandFailure("gone", "the application has ended");
    const chosen = choose(attached, this.#options);
    const looks = await Promise.all(chosen.map(look));
    const now = looks.filter((one) => one !== undefined);
    const before = new Map(this.#last.map((one) => [one.path, one]));
    this.#last = now;
    return { now, before };
  }

  [Symbol.dispose](): void {
    for (const { client } of this.#attached) client[Symbol.dispose]();
  }
}

function topLines({ now, before }: Seen): string[] {
  const time = new Date().toLocaleTimeString("en-GB");
  const lines = [`snakepit top  ${time}  ${now.length} running  q leaves`];
  for (const one of now) {
    const earlier = before.get(one.path);
    lines.push("", applicationLine(one.application));
    lines.push(...poolTable(one.application, earlier?.application));
    lines.push("", ...workerTable(one, earlier));
  }
  return lines;
}

function topDocument({ now, before }: Seen) {
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
  };
}

import { type Launcher, localLauncher, type WorkerSpec } from "snakepit";
import { ForkServer } from "./fork-server.ts";

/** What concerns single workers: they are told over the pipe, and it makes no environment of its own. */
const perWorker = [
  "SNAKEPIT_ADDRESS",
  "SNAKEPIT_OUTPUT_ADDRESS",
  "SNAKEPIT_TOKEN",
  "SNAKEPIT_CONCURRENCY",
  "SNAKEPIT_SEED",
];

/** One environment's fork server, and the launchers that fork from it. */
interface Held {
  readonly starting: Promise<ForkServer>;
  readonly users: Set<object>;
  /** Later workers come from its successor. */
  isRetired: boolean;
}

/** A fork server to fork from, or why there is none. */
export type Forking = { readonly server: ForkServer } | { readonly spawnReason: string };

/**
 * The fork servers of one bridge: one for each distinct environment (interpreter, variables,
 * preload, thread limits), however many pools have it.
 */
export class ForkServers {
  readonly #local: Launcher = localLauncher();
  readonly #current = new Map<string, Held>();
  readonly #all = new Set<Held>();
  /** Environments that cannot be forked, and why: importing them once more would not change that. */
  readonly #unforkable = new Map<string, string>();

  /**
   * The one for this kind of worker, once it has imported everything.
   * @throws SnakepitError WORKER_START_FAILED with what the preload printed
   */
  async ready(spec: WorkerSpec, user: object): Promise<Forking> {
    const serverSpec = forkServerSpec(spec);
    const key = JSON.stringify(serverSpec);
    for (;;) {
      const known = this.#unforkable.get(key);
      if (known !== undefined) return { spawnReason: known };
      const held = this.#held(key, serverSpec);
      held.users.add(user);
      let server: ForkServer;
      try {
        server = await held.starting;
        await server.ready();
      } catch (error) {
        if (held.isRetired) continue; // ended by us before it was ready
        throw error;
      }
      if (!server.forkable) {
        this.#unforkable.set(key, server.unforkableReason);
        this.#retire(held);
      } else if (!held.isRetired) return { server };
    }
  }

  /** The user forks no more; what nobody else uses ends. */
  async leave(user: object): Promise<void> {
    const unused = [...this.#all].filter(({ users }) => users.delete(user) && users.size === 0);
    await Promise.all(unused.map(({ starting }) => ended(starting)));
  }

  /**
   * Later workers come from fork servers that have imported everything anew. What is returned is
   * called when that is known to have gone well, or not: an old one serves on where there is no new
   * one then.
   */
  renew(): (hasFailed: boolean) => void {
    this.#unforkable.clear();
    const old = new Map(this.#current);
    this.#current.clear();
    return (hasFailed) => {
      for (const [key, held] of old) {
        const hasSuccessor = this.#current.has(key) || this.#unforkable.has(key);
        if (hasFailed && !hasSuccessor && this.#all.has(held)) this.#current.set(key, held);
        else this.#retire(held);
      }
    };
  }

  #held(key: string, spec: WorkerSpec): Held {
    const known = this.#current.get(key);
    if (known !== undefined) return known;
    const starting = ForkServer.start(this.#local, spec);
    const held: Held = { starting, users: new Set(), isRetired: false };
    this.#current.set(key, held);
    this.#all.add(held);
    const forget = () => {
      this.#all.delete(held);
      if (this.#current.get(key) === held) this.#current.delete(key);
    };
    // A dead or failed one is not asked again; the next worker starts its successor.
    starting.then((server) => server.process.exited.then(forget), forget);
    return held;
  }

  #retire(held: Held): void {
    held.isRetired = true;
    for (const [key, one] of this.#current) if (one === held) this.#current.delete(key);
    // One that does not start has told those who wait for it.
    held.starting.then(
      (server) => server.retire(),
      () => {},
    );
  }
}

async function ended(starting: Promise<ForkServer>): Promise<void> {
  // One that did not start has left nothing to end.
  const server = await starting.catch(() => undefined);
  await server?.process.stop({ graceMs: 1_000 });
}

function forkServerSpec(spec: WorkerSpec): WorkerSpec {
  const entries = Object.entries(spec.env).filter(([name]) => !perWorker.includes(name));
  // In one order, so that two pools that say the same in another order share one.
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  const args = ["-P", "-m", "snakepit_bridge.fork_server"];
  return { ...spec, args, channel: "stdio", env: Object.fromEntries(entries) };
}

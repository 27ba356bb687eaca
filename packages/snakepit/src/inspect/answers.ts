import { basename } from "node:path";
import { threadId } from "node:worker_threads";
import { show } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import type { SessionInfo } from "../sessions.ts";
import type { Worker } from "../worker.ts";
import type { PoolView } from "./pool-view.ts";
import type {
  ApplicationReport,
  Dump,
  ListedSession,
  PoolSessions,
  PoolWorkers,
  Questions,
  Recycled,
} from "./protocol.ts";
import { withoutSecrets } from "./shown-value.ts";

/** Sessions that are listed of one pool: a store may have ten thousand and more. */
const MOST_SESSIONS = 1_000;

const startedAtMs = Math.round(Date.now() - process.uptime() * 1_000);

export type Pools = Iterable<PoolView>;

export function application(pools: Pools): ApplicationReport {
  const atMs = Date.now();
  const [, script = ""] = process.argv;
  return {
    pid: process.pid,
    thread: threadId,
    name: basename(script === "" ? process.execPath : script),
    script,
    cwd: workingDirectory(),
    node: process.version,
    startedAtMs,
    memoryBytes: process.memoryUsage.rss(),
    atMs,
    pools: Array.from(pools, (pool) => pool.report()),
  };
}

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return ""; // it was removed under the program's feet
  }
}

export function workers(pools: Pools): PoolWorkers[] {
  return Array.from(pools, (pool) => ({ pool: pool.name, workers: pool.workers() }));
}

export async function sessions(
  pools: Pools,
  options: Questions["sessions"],
): Promise<PoolSessions[]> {
  return Promise.all(
    Array.from(pools, async (pool) => ({ pool: pool.name, ...(await sessionsOf(pool, options)) })),
  );
}

export async function recycle(
  pools: Pools,
  { worker: idOrPid, force = false }: Questions["recycle"],
): Promise<Recycled> {
  const { pool, worker } = find(pools, idOrPid);
  return pool.recycle(worker, { force });
}

export async function dump(pools: Pools, { values = false }: Questions["dump"]): Promise<Dump> {
  const parts = Array.from(pools, async (pool) => ({
    ...pool.report(),
    options: pool.options(),
    workers: pool.workers(),
    sessions: await sessionsOf(pool, { values }),
  }));
  const { pools: _, ...rest } = application(pools);
  return { application: rest, pools: await Promise.all(parts) };
}

/** @throws SnakepitError NOT_FOUND */
export function find(pools: Pools, idOrPid: string): { pool: PoolView; worker: Worker } {
  for (const pool of pools) {
    const worker = pool.worker(idOrPid);
    if (worker !== undefined) return { pool, worker };
  }
  throw new SnakepitError("NOT_FOUND", `there is no worker ${show(idOrPid)}`);
}

/** A store that does not answer is told of, and keeps the rest from nobody. */
async function sessionsOf(
  pool: PoolView,
  { sweep = false, values = false }: Questions["sessions"],
): Promise<Omit<PoolSessions, "pool">> {
  const open = pool.report().stats.sessions;
  const { sessions: book } = pool;
  try {
    const swept = sweep ? await book.sweep() : undefined;
    const listed = await book.list({ limit: MOST_SESSIONS });
    return {
      open,
      stats: await book.stats(),
      sessions: listed.map((session) => listedSession(session, values)),
      isCut: listed.length === MOST_SESSIONS,
      ...(swept === undefined ? {} : { swept }),
    };
  } catch (error) {
    return { open, problem: error instanceof Error ? error.message : String(error) };
  }
}

function listedSession({ metadata, ...session }: SessionInfo, values: boolean): ListedSession {
  const metadataKeys = Object.keys(metadata);
  const shown = withoutSecrets(metadata) as SessionInfo["metadata"];
  return { ...session, metadataKeys, ...(values ? { metadata: shown } : {}) };
}

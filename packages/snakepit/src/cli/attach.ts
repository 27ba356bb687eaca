import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { closest, show } from "../check-options.ts";
import type { ApplicationReport } from "../inspect/protocol.ts";
import { socketDirectories } from "../inspect/socket-directories.ts";
import { parseSocketName, type SocketOwner, socketOwner } from "../inspect/socket-file.ts";
import { type ProcessTable, systemTable } from "../local/process-table.ts";
import { checkPrivate } from "../local/state-directory.ts";
import { InspectorClient } from "./client.ts";
import { CommandFailure } from "./failure.ts";

/** Which applications are meant, of all that run. */
export interface Choice {
  readonly pid?: number;
  readonly app?: string;
}

/** One thread of an application that answers. */
export interface Attached {
  readonly path: string;
  readonly client: InspectorClient;
  readonly report: ApplicationReport;
}

/** All that run, and those of them that do not answer. */
export interface Found {
  readonly attached: readonly Attached[];
  readonly silent: readonly SocketOwner[];
}

/**
 * Attaches to every running application of this user, the oldest first; those of `known` are asked
 * again. Sockets of dead ones are removed.
 */
export async function findApplications(known: readonly Attached[] = []): Promise<Found> {
  const attached: Attached[] = [];
  const silent: SocketOwner[] = [];
  const clients = new Map(known.map(({ path, client }) => [path, client]));
  const look = async (directory: string, name: string) => {
    const owner = parseSocketName(name);
    if (owner === undefined) return;
    const path = join(directory, name);
    const client = clients.get(path) ?? (await connectOrRemove(path, owner));
    if (client === undefined) return;
    try {
      attached.push({ path, client, report: await client.ask("application", {}) });
    } catch {
      // It has ended just now, or does not answer: what is left of it is its name.
      client[Symbol.dispose]();
      silent.push(owner);
    }
  };
  await Promise.all((await listSockets()).map(([directory, name]) => look(directory, name)));
  attached.sort((one, other) => one.report.startedAtMs - other.report.startedAtMs);
  return { attached, silent: await alive(silent) };
}

/** @throws CommandFailure `nothing`, with what there is instead; `gone` when it does not answer */
export function choose(found: Found, choice: Choice): readonly Attached[] {
  const chosen = matching(found, choice);
  if (chosen.length > 0) return chosen;
  if (isSilent(found, choice))
    throw new CommandFailure(
      "gone",
      `${silentLines(found).join("; ")}: it may be halted, or compute`,
    );
  throw new CommandFailure("nothing", nothingFound(found.attached, choice));
}

export function matching({ attached }: Found, { pid, app }: Choice): readonly Attached[] {
  return attached.filter(
    ({ report }) =>
      (pid === undefined || report.pid === pid) && (app === undefined || isNamed(report, app)),
  );
}

/** Whether one that does not answer may be what is meant; its name nobody knows. */
export function isSilent({ silent }: Found, { pid }: Choice): boolean {
  return pid === undefined ? silent.length > 0 : silent.some((owner) => owner.pid === pid);
}

export function silentLines({ silent }: Found): string[] {
  return silent.map(({ pid }) => `pid ${pid} does not answer`);
}

function isNamed({ name }: ApplicationReport, app: string): boolean {
  return name === app || stem(name) === app;
}

/** `server` of `server.mjs`. */
function stem(name: string): string {
  return name.replace(/\.[^.]+$/, "");
}

function nothingFound(all: readonly Attached[], { pid, app }: Choice): string {
  if (all.length === 0) {
    return `no running application was found in ${socketDirectories().join(" or ")}; one is seen while it has an open pool, unless that has inspect: false`;
  }
  const names = [...new Set(all.map(({ report }) => `${report.name} (pid ${report.pid})`))];
  const known = all.flatMap(({ report: { name } }) => [name, stem(name)]);
  const meant = app === undefined ? undefined : closest(app, known);
  const what = [
    ...(app === undefined ? [] : [`is named ${show(app)}`]),
    ...(pid === undefined ? [] : [`has the pid ${pid}`]),
  ].join(" and ");
  const hint = meant === undefined ? `there are ${names.join(", ")}` : `meant ${meant}?`;
  return `no running application ${what}; ${hint}`;
}

async function listSockets(): Promise<[directory: string, name: string][]> {
  const lists = socketDirectories().map(async (directory) => {
    try {
      // Somebody else could listen in a folder that is open to others.
      await checkPrivate(directory);
      const names = await readdir(directory);
      return names.map((name): [string, string] => [directory, name]);
    } catch {
      return []; // there is none, or it is not ours to believe
    }
  });
  return (await Promise.all(lists)).flat();
}

async function connectOrRemove(
  path: string,
  owner: SocketOwner,
): Promise<InspectorClient | undefined> {
  try {
    return await InspectorClient.connect(path);
  } catch {
    // Nobody listens. Its application may be about to, or may run on another machine that shares
    // this folder: only that of a process known to be dead is litter.
    if (await isDead(owner)) await unlink(path).catch(() => {});
    return undefined;
  }
}

async function isDead(owner: SocketOwner, table: ProcessTable = systemTable()): Promise<boolean> {
  const { pid } = owner;
  const startedAt = (await table.startedAt(pid)) ?? "";
  const now = socketOwner(await table.machine(), { pid, startedAt, runId: "" });
  return now.machine === owner.machine && now.start !== owner.start;
}

async function alive(owners: readonly SocketOwner[]): Promise<readonly SocketOwner[]> {
  const dead = await Promise.all(owners.map((owner) => isDead(owner)));
  return owners.filter((_, index) => dead[index] === false);
}

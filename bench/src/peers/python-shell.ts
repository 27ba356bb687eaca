import { once } from "node:events";
import { join } from "node:path";
import type { PythonShell } from "python-shell";
import type { Contestant, IdleWorkers } from "../contestant.ts";
import { starter } from "../our-processes.ts";
import { interpreter, pythonFolder } from "../python-process.ts";

interface Line {
  readonly type?: string;
  readonly request_id?: number;
  readonly result?: number;
}

/** `python-shell` in its JSON mode, with the worker of our own rows. The ids are the caller's work. */
export async function openPythonShell(): Promise<Contestant> {
  return shellContestant(await openShell());
}

export function shellContestant(shell: PythonShell): Contestant {
  const waiting = new Map<number, (sum: number) => void>();
  shell.on("message", ({ request_id: id = 0, result = Number.NaN }: Line) => {
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let lastId = 0;
  return {
    name: "python-shell",
    add: (a, b) =>
      new Promise((resolve) => {
        lastId++;
        waiting.set(lastId, resolve);
        shell.send({ request_id: lastId, command: "add", args: { a, b } });
      }),
    [Symbol.asyncDispose]: () => end(shell),
  };
}

export async function openPythonShellStarts(): Promise<Contestant> {
  return starter("python-shell", async (workers): Promise<IdleWorkers> => {
    const shells = await Promise.all(Array.from({ length: workers }, openShell));
    return {
      pids: shells.flatMap(({ childProcess }) => childProcess.pid ?? []),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(shells.map(end));
      },
    };
  });
}

/** Resolves when the worker has said `ready`. */
export async function openShell(): Promise<PythonShell> {
  const { PythonShell } = await import("python-shell");
  const shell = new PythonShell(join(pythonFolder, "lines_worker.py"), {
    mode: "json",
    pythonPath: interpreter(),
  });
  const gone = once(shell, "close").then(() => {
    throw new Error("the worker ended before it was ready");
  });
  gone.catch(() => {}); // later it is no news: we ended it
  await Promise.race([once(shell, "message"), gone]);
  return shell;
}

async function end(shell: PythonShell): Promise<void> {
  const gone = once(shell.childProcess, "exit");
  shell.kill("SIGKILL");
  await gone;
}

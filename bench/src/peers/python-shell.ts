import { join } from "node:path";
import type { Contestant } from "../contestant.ts";
import { interpreter, pythonFolder } from "../python-process.ts";

/** `python-shell` in its JSON mode: a line for each call, correlated by an id of ours. */
export async function openPythonShell(): Promise<Contestant> {
  const { PythonShell } = await import("python-shell");
  const shell = new PythonShell(join(pythonFolder, "shell_worker.py"), {
    mode: "json",
    pythonPath: interpreter(),
    pythonOptions: ["-u"],
  });
  const waiting = new Map<number, (sum: number) => void>();
  shell.on("message", ({ id, sum }: { id: number; sum: number }) => {
    waiting.get(id)?.(sum);
    waiting.delete(id);
  });
  let lastId = 0;
  return {
    name: "python-shell",
    add: (a, b) =>
      new Promise((resolve) => {
        lastId++;
        waiting.set(lastId, resolve);
        shell.send({ id: lastId, a, b });
      }),
    [Symbol.asyncDispose]: async () => {
      shell.kill("SIGKILL");
    },
  };
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { processTreeMemory } from "snakepit";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "./workspace.ts";

const MiB = 2 ** 20;

/** Its child waits for a reader of the fifo, and so does it: as if the start of a program took long. */
const startsSlowly = `
import os, sys
kept = bytearray(64 << 20)
os.mkfifo(sys.argv[1])
print("ready", flush=True)
open_fifo = (os.POSIX_SPAWN_OPEN, 1, sys.argv[1], os.O_WRONLY, 0)
os.posix_spawn("/bin/sleep", ["sleep", "1000"], os.environ, file_actions=[open_fifo])
`;

test.skipIf(!existsSync("/proc/self/statm"))(
  "the memory of a worker that is starting a child is counted once",
  async () => {
    const fifo = join(temporaryFolder(), "fifo");
    const python = process.env["SNAKEPIT_PYTHON"] ?? "python3";
    const worker = spawn(python, ["-c", startsSlowly, fifo], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    const pid = worker.pid ?? 0;
    onTestFinished(() => {
      process.kill(-pid, "SIGKILL");
    });
    await once(worker.stdout, "data");
    const childOf = () => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    await expect.poll(childOf).not.toBe("");
    for (const kind of ["resident", "proportional"] as const) {
      const bytes = await processTreeMemory(pid, kind);
      expect(bytes).toBeGreaterThan(64 * MiB);
      expect(bytes).toBeLessThan(110 * MiB);
    }
  },
);

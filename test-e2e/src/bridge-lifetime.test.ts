import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../packages/grpc-bridge/src/fixtures/certificates.ts";
import { emptied, gone, processesMarked, pythonFolder, temporaryFolder } from "./workspace.ts";

const scripts = join(import.meta.dirname, "../scripts");

interface Run {
  readonly child: ChildProcess;
  /** Stands in the environment of the script and of everything that it starts by itself. */
  readonly mark: string;
}

function run(script: string, env: Record<string, string>, ...args: string[]): Run {
  const mark = `SNAKEPIT_E2E_MARK=${randomUUID()}`;
  const [name = "", value = ""] = mark.split("=");
  const child = spawn(process.execPath, [join(scripts, script), ...args], {
    env: { ...process.env, ...env, [name]: value },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, mark };
}

for (const transport of ["socket", "grpc"]) {
  test(`a script that only awaits one call ends by itself, over ${transport}`, async () => {
    const { child, mark } = run("one-call.mjs", {}, transport);
    const lines: string[] = [];
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) =>
      lines.push(line),
    );
    const [code] = await once(child, "close");
    expect({ code, lines }).toEqual({ code: 0, lines: ["4"] });
    await gone(processesMarked(mark));
  });
}

test("a script with a TLS listener, workers and an open lease ends by itself", async () => {
  const { ca, host, worker } = await makeCertificates(temporaryFolder());
  const files = [ca, host.cert, host.key, worker.cert, worker.key];
  const { child, mark } = run("one-call-tls.mjs", {}, ...files);
  const [line] = await once(
    createInterface({ input: child.stdout as NodeJS.ReadableStream }),
    "line",
  );
  expect(line).toBe("4");
  expect(await once(child, "exit")).toEqual([0, null]);
  await gone(processesMarked(mark));
});

for (const signal of ["SIGKILL", "SIGTERM", "SIGINT"] as const) {
  test(`${signal} to the host leaves no worker, fork server, grandchild or socket`, async () => {
    const folder = temporaryFolder();
    const { child } = run(
      "busy-host.mjs",
      { TMPDIR: folder, XDG_RUNTIME_DIR: folder },
      pythonFolder,
    );
    const [line] = await once(
      createInterface({ input: child.stdout as NodeJS.ReadableStream }),
      "line",
    );
    const pids = JSON.parse(String(line)) as number[];
    expect(pids).toHaveLength(5);
    expect(readdirSync(folder)).toHaveLength(1); // with the socket
    child.kill(signal);
    await once(child, "exit");
    await gone(pids);
    await emptied(folder);
  });
}

test("a file in the working directory never stands in for a module of Python", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "logging.py"), "raise ImportError('not the real one')");
  const child = spawn(process.execPath, [join(scripts, "one-call.mjs")], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  expect(line).toBe("4");
  await once(child, "exit");
});

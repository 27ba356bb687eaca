import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InspectedPlace } from "../fixtures/inspected.ts";
import { socketName, socketOwner } from "../inspect/socket-file.ts";
import { procTable } from "../local/proc-table.ts";

const nobody = { pid: 0, startedAt: "1", runId: "some run" };

/** A socket file behind which nobody listens, as a killed program leaves it. */
async function leaveSocket(place: InspectedPlace, name: string): Promise<string> {
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  const path = join(place.directory, name);
  const script = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", script, path]), "exit");
  expect(existsSync(path)).toBe(true);
  return path;
}

test("a number that was given to another process is not mistaken for the dead one", async () => {
  await using place = new InspectedPlace();
  const machine = await procTable.machine();
  // Our own number, and another start.
  const path = await leaveSocket(
    place,
    socketName(socketOwner(machine, { ...nobody, pid: process.pid })),
  );
  expect(await place.command("status")).toMatchObject({ code: 3 });
  expect(existsSync(path)).toBe(false);
});

test("the socket of a living process is left alone, also when it does not listen yet", async () => {
  await using place = new InspectedPlace();
  const startedAt = String(await procTable.startedAt(process.pid));
  const owner = socketOwner(await procTable.machine(), { ...nobody, pid: process.pid, startedAt });
  const path = await leaveSocket(place, socketName(owner));
  expect(await place.command("status")).toMatchObject({ code: 3 });
  expect(existsSync(path)).toBe(true);
});

test("the socket of another machine that shares the folder is left alone", async () => {
  await using place = new InspectedPlace();
  const machine = { ...(await procTable.machine()), bootId: "another" };
  const path = await leaveSocket(place, socketName(socketOwner(machine, { ...nobody, pid: 5 })));
  expect(await place.command("status")).toMatchObject({ code: 3 });
  expect(existsSync(path)).toBe(true);
});

test("a folder that others can enter is not believed", async () => {
  await using place = new InspectedPlace();
  await place.host();
  chmodSync(place.directory, 0o755);
  expect(await place.command("status")).toMatchObject({ code: 3 });
  chmodSync(place.directory, 0o700);
  expect(await place.command("status")).toMatchObject({ code: 0 });
});

test("somebody who listens there and talks nonsense is listed as silent at most", async () => {
  await using place = new InspectedPlace();
  await place.host();
  const startedAt = String(await procTable.startedAt(process.pid));
  const owner = socketOwner(await procTable.machine(), { ...nobody, pid: process.pid, startedAt });
  const server = createServer((socket) => socket.on("error", () => {}).end("nonsense\n"));
  server.listen(join(place.directory, socketName(owner)));
  await once(server, "listening");
  const { stdout } = await place.command("status", "--json");
  server.close();
  expect(JSON.parse(stdout)).toMatchObject({
    applications: [{ name: "inspected-host.mjs" }],
    silent: [{ pid: process.pid }],
  });
});

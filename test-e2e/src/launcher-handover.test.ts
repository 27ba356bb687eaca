import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ended, LauncherRoom } from "./launcher-room.ts";

let room: LauncherRoom;

beforeEach(() => {
  room = new LauncherRoom();
  room.makeInstallable();
});

afterEach(() => room.remove());

function installations(): number {
  const file = join(room.folder, "installations");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
}

test("it installs once, and again only when the lock file or a manifest changed", async () => {
  room.write("scripts/demo.ts", "");
  const launch = async () => expect((await room.launch()).status).toBe(0);
  await launch();
  await launch();
  expect(installations()).toBe(1);
  appendFileSync(join(room.folder, "pnpm-lock.yaml"), "# changed\n");
  await launch();
  expect(installations()).toBe(2);
  rmSync(join(room.folder, "node_modules"), { recursive: true });
  await launch();
  expect(installations()).toBe(3);
});

test("arguments and the exit code are passed through, on the workspace's own Node", async () => {
  room.write("scripts/bench.ts", "console.log(process.argv.slice(2)); process.exitCode = 7;");
  const { status, output } = await room.launch(["bench", "--short", "a b"]);
  expect(output).toContain('[ "--short", "a b" ]'.replaceAll('"', "'"));
  expect(status).toBe(7);
});

// The first line tells that the script listens; a signal before that would find nobody.
const listening = `
process.on("SIGINT", () => { console.log("told SIGINT"); process.exit(0); });
process.on("SIGTERM", () => { console.log("told SIGTERM"); process.exit(0); });
setInterval(() => undefined, 1_000);
console.log("listening");
`;

test.each([
  { signal: "SIGINT", expected: 130 },
  { signal: "SIGTERM", expected: 143 },
] as const)(
  "$signal reaches what runs, and the exit code is $expected",
  async ({ signal, expected }) => {
    room.write("scripts/demo.ts", listening);
    const child = room.start(["demo"]);
    const end = ended(child);
    for (let seen = ""; !seen.includes("listening"); ) {
      const [text] = (await once(child.stdout ?? child, "data")) as [string];
      seen += text;
    }
    child.kill(signal);
    const { status, output } = await end;
    expect(output).toContain(`told ${signal}`);
    expect(output).not.toContain("Error");
    expect(status).toBe(expected);
  },
);

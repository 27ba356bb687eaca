import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LauncherRoom, root } from "./launcher-room.ts";

let room: LauncherRoom;

beforeEach(() => {
  room = new LauncherRoom();
});

afterEach(() => room.remove());

/** It says one sentence that matches, and nothing else, and has not begun to install. */
async function expectRefusal(sentence: RegExp, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const { status, output } = await room.launch(["demo"], env);
  const lines = output
    .trim()
    .split("\n")
    .filter((line) => !line.startsWith("Installing"));
  expect(lines).toEqual([expect.stringMatching(sentence)]);
  expect(status).toBe(1);
  expect(readdirSync(room.folder)).not.toContain("node_modules");
}

test("a missing Node is named", async () => {
  room.without("node");
  await expectRefusal(/^Node\.js is missing: install Node 20\.19 or newer/);
});

test("a Node that is too old is named with both versions", async () => {
  // This Node, but it calls itself 18: what is tested is what the launcher makes of that.
  const old = 'Object.defineProperty(process.versions, "node", { value: "18.19.1" })';
  room.write("old.cjs", old);
  room.program("node", `exec "${process.execPath}" --require "${room.folder}/old.cjs" "$@"`);
  await expectRefusal(/^Node 18\.19\.1 is too old: Node 20\.19 or newer is needed/);
});

test("a missing Python is named", async () => {
  room.without("python3");
  await expectRefusal(/^Python is missing: install Python 3\.11 or newer with pip/);
});

test("a Python that is too old is named with both versions, unless a newer one lies beside it", async () => {
  room.program("python3", "printf '3.9.2\\nTrue\\n'");
  await expectRefusal(/^Python 3\.9\.2 \(python3\) is too old: Python 3\.11 or newer is needed/);
  room.program("python3.12", "printf '3.12.1\\nTrue\\n'");
  await expectRefusal(/^npm is missing/);
});

test("a missing pip is named", async () => {
  room.program("python3", "printf '3.12.1\\nFalse\\n'");
  await expectRefusal(/^python3 has no pip: install it/);
});

test("a wrong PYTHON is named, with what it says", async () => {
  await expectRefusal(/^PYTHON names "no-such-python", which is not a Python that runs/, {
    PYTHON: "no-such-python",
  });
});

test("a registry that cannot be reached is said in one sentence", async () => {
  room.program("npm", "echo 'npm error ECONNREFUSED' >&2; exit 1");
  await expectRefusal(/^The npm registry cannot be reached: check the network/);
});

test("a failed installation is said after the installer's own words", async () => {
  room.program("npm", "exit 0");
  room.program("npx", "echo 'ERR_PNPM_OUTDATED_LOCKFILE' >&2; exit 1");
  const { status, output } = await room.launch();
  expect(output.trim().split("\n").slice(-2)).toEqual([
    "ERR_PNPM_OUTDATED_LOCKFILE",
    "The installation failed; the lines above say why.",
  ]);
  expect(status).toBe(1);
});

describe("a Python package index that cannot be reached is said in one sentence", () => {
  // Port 9 is "discard", and nothing listens there.
  const nowhere = "http://127.0.0.1:9/simple";
  const env = {
    PIP_INDEX_URL: nowhere,
    PIP_RETRIES: "1",
    UV_INDEX_URL: nowhere,
    UV_HTTP_RETRIES: "0",
    UV_NO_CACHE: "1",
  };

  beforeEach(() => {
    room.makeInstallable();
    room.copy("scripts", "python/setup.ts", "python/pyproject.toml", "python/requirements.lock");
    room.copy("tools/uv/uv.ts", "tools/uv/requirements.txt", "turbo.json");
    for (const file of ["apps/quickstart/src/main.ts", "packages/a", "proto/a"])
      room.write(file, "");
    const python = process.env["PYTHON"] ?? "python3";
    room.program("python3", `PATH="${process.env["PATH"]}"\nexec "${python}" "$@"`);
    room.program("uv", `exec "${process.execPath}" "${room.folder}/tools/uv/uv.ts" "$@"`);
  });

  const progress = /^(?:Installing|Making|fetching) /;

  async function complaints(): Promise<string[]> {
    const { status, output } = await room.launch(["demo"], env);
    expect(status).toBe(1);
    return output
      .trim()
      .split("\n")
      .filter((line) => !progress.test(line));
  }

  test("when uv itself is to be fetched", async () => {
    expect(await complaints()).toEqual([
      expect.stringMatching(/^uv \S+ could not be fetched from the Python package index: check/),
    ]);
  });

  test("when uv is there", async () => {
    const uv = join(root, "tools/uv/.cache");
    symlinkSync(uv, join(room.folder, "tools/uv/.cache"));
    expect(await complaints()).toEqual([
      expect.stringMatching(/^The Python package index cannot be reached: check the network/),
    ]);
  });
});

test("what else pip has to say is shown", async () => {
  room.copy("tools/uv/uv.ts", "tools/uv/requirements.txt");
  room.program("python3", "echo 'ERROR: No space left on device' >&2; exit 1");
  const uv = spawnSync(process.execPath, [join(room.folder, "tools/uv/uv.ts")], {
    env: { PYTHON: join(room.folder, "bin/python3") },
    encoding: "utf8",
  });
  expect(uv.stderr).toMatch(/^ERROR: No space left on device\nuv .+; the lines above say why\.$/m);
  expect(uv.status).toBe(1);
});

test("an unknown command is answered with those there are", async () => {
  const { status, output } = await room.launch(["start"]);
  expect(output).toContain("./run demo|test|bench");
  expect(status).toBe(1);
});

test("the README shows exactly the two commands at the beginning of a line", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const commands = readme.match(/^(?:\$ )?(?:npx -y pnpm|make|\.\/).*$/gm)?.slice(0, 2);
  expect(commands).toEqual(["./run demo", "./run test"]);
});

import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { makePrivate, stateDirectories } from "./state-directory.ts";

let room: string;
beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), "snakepit-"));
});
afterEach(() => rmSync(room, { recursive: true }));

function withStateHome(value: string | undefined): readonly string[] {
  const before = process.env["XDG_STATE_HOME"];
  onTestFinished(() => setStateHome(before));
  setStateHome(value);
  return stateDirectories();
}

function setStateHome(value: string | undefined): void {
  if (value === undefined) delete process.env["XDG_STATE_HOME"];
  else process.env["XDG_STATE_HOME"] = value;
}

test("runs are written down in the state home, or a temporary folder of this user", () => {
  const temporary = join(tmpdir(), `snakepit-${process.getuid?.()}`);
  const inHome = join(homedir(), ".local/state/snakepit");
  expect(withStateHome("/state")).toEqual(["/state/snakepit", temporary]);
  expect(withStateHome(undefined)).toEqual([inHome, temporary]);
  expect(withStateHome("not/absolute")).toEqual([inHome, temporary]);
  expect(stateDirectories("/mine")).toEqual(["/mine"]);
});

test("the folder is made for this user alone", async () => {
  const folder = join(room, "deep", "state");
  await makePrivate(folder);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await makePrivate(folder);
});

test("a folder that others may write to, or that is none, is not believed", async () => {
  const open = join(room, "open");
  mkdirSync(open);
  chmodSync(open, 0o770);
  await expect(makePrivate(open)).rejects.toThrow("open to others (mode 770); try chmod 700");
  const link = join(room, "link");
  symlinkSync(room, link);
  await expect(makePrivate(link)).rejects.toThrow("it is no directory");
  writeFileSync(join(room, "file"), "");
  await expect(makePrivate(join(room, "file"))).rejects.toThrow();
  await expect(makePrivate(join(room, "two\nlines"))).rejects.toThrow("line break");
});

test("a folder of somebody else is not believed", async () => {
  const foreign = join(room, "foreign");
  mkdirSync(foreign, { mode: 0o700 });
  // Only root can give a folder away; for anybody else one of root's does.
  if (process.getuid?.() === 0) chownSync(foreign, 65_534, 65_534);
  const folder = process.getuid?.() === 0 ? foreign : "/";
  await expect(makePrivate(folder)).rejects.toThrow(/it belongs to user (0|65534)$/);
});

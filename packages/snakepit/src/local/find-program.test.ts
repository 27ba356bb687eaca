import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram } from "./find-program.ts";

let room: string;
const at = (...parts: string[]) => join(room, ...parts);

function script(path: string, text: string, mode = 0o755): void {
  writeFileSync(path, text);
  chmodSync(path, mode);
}

beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "snakepit-"));
  for (const folder of ["first", "second", "second/folder"]) mkdirSync(at(folder));
  script(at("first", "unrunnable"), "#!/bin/sh\n", 0o644);
  script(at("second", "unrunnable"), "#!/bin/sh\n");
  script(at("first", "lost"), "#!/nowhere/ruby -w\n");
  script(at("second", "lost"), "#! /bin/sh -e\n");
  script(at("first", "plain"), "no first line of note");
  script(at("first", "empty"), "");
});
afterAll(() => rmSync(room, { recursive: true }));

test("a program is found where the system would find it", () => {
  const path = `${at("first")}:${at("second")}`;
  const find = (program: string, where = {}) => findProgram(program, { cwd: room, path, ...where });
  // What may not be executed, and what has lost its interpreter, is passed over.
  expect(find("unrunnable")).toBe(at("second", "unrunnable"));
  expect(find("lost")).toBe(at("second", "lost"));
  expect(find("plain")).toBe(at("first", "plain"));
  expect(find("empty")).toBe(at("first", "empty"));
  // Folders of PATH may be relative, and an empty one is the working directory.
  expect(find("plain", { path: "second:first" })).toBe(at("first", "plain"));
  expect(find("plain", { path: ":/nowhere", cwd: at("first") })).toBe(at("first", "plain"));
  // With a slash there is no search.
  expect(find("first/plain")).toBe(at("first", "plain"));
  expect(find(at("first", "plain"), { path: "" })).toBe(at("first", "plain"));
  expect(findProgram("sh", {})).toMatch(/^\/(usr\/)?bin\/sh$/);
});

test("a program that would not run is not found", () => {
  const path = `${at("first")}:${at("second")}`;
  const find = (program: string) => findProgram(program, { cwd: room, path });
  expect(find("missing")).toBeUndefined();
  expect(find("folder")).toBeUndefined();
  expect(find("first/unrunnable")).toBeUndefined();
  expect(find("first/lost")).toBeUndefined();
  expect(find("first/plain/below")).toBeUndefined();
});

import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { caught } from "../fixtures/caught.ts";
import { scratch } from "../fixtures/scratch.ts";
import { openStore } from "./open-store.ts";

test("a url opens the store that it names, with its limits", async () => {
  using folder = scratch();
  await using memory = await openStore("memory:", { maxRecords: 7 });
  expect(memory).toMatchObject({ name: "memory", limits: { maxRecords: 7, maxSessions: 10_000 } });
  const path = folder.file("a.db");
  for (const url of [`sqlite:${path}`, `sqlite://${path}`]) {
    await using sqlite = await openStore(url, { maxSessions: 3 });
    expect(sqlite).toMatchObject({ name: "sqlite", limits: { maxSessions: 3 } });
    expect(existsSync(path)).toBe(true);
  }
});

test.each([
  ["an unknown scheme", "postgres://me:secret@host/db", /one of memory:, sqlite:.*not "postgres:"/],
  ["no scheme", "secret", /the one given has no scheme/],
  ["no text", 7, /must be a string, not 7/],
  ["no path", "sqlite:", /sqlite: and a path/],
  ["a host in place of a path", "sqlite://secret/db", /sqlite: and a path/],
  ["memory with a path", "memory:secret", /just "memory:"/],
  ["a url that cannot be read", "redis://:secret@[", /cannot be read/],
])("%s is refused, and no password shown", async (_, url, message) => {
  const error = await caught(openStore(url as string));
  expect(error.code).toBe("INVALID_OPTIONS");
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain("secret");
});

test("options that are no limits are named", async () => {
  const error = await caught(openStore("memory:", { maxRecord: 7, maxSessions: 0 } as never));
  expect(error.message).toMatch(/meant maxRecords\?.*maxSessions must be/);
});

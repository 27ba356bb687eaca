import { afterAll, describe, test } from "vitest";
import { scratch } from "../../fixtures/scratch.ts";
import { storeContract } from "../../testing/index.ts";
import { sqliteStore } from "./index.ts";

describe("the SQLite store keeps the contract", () => {
  const folder = scratch();
  afterAll(() => folder[Symbol.dispose]());
  const open = (space: string, limits: object) =>
    sqliteStore({ path: folder.file(`${space}.db`), pollMs: 5, ...limits });
  for (const { name, run } of storeContract({ open, isShared: true })) test(name, run, 60_000);
});

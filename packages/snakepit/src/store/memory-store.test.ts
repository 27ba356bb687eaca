import { describe, test } from "vitest";
import { storeContract } from "../testing/index.ts";
import { memoryStore } from "./memory-store.ts";

describe("the memory store keeps the contract", () => {
  const open = (_space: string, limits: object) => memoryStore(limits);
  for (const { name, run } of storeContract({ open, isShared: false })) test(name, run, 60_000);
});

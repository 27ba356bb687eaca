import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { Adapter } from "../adapter.ts";
import { createPool } from "../create-pool.ts";
import { fixture } from "../fixtures/processes.ts";
import { scratch } from "../fixtures/scratch.ts";
import { processAdapter } from "../process/index.ts";
import { adapterContract } from "./adapter-contract.ts";

/** The examples of the package's first page, as they stand there. */
const readme = readFileSync(fixture("../../README.md"), "utf8");

function example(language: string, part: string): string {
  const blocks = [...readme.matchAll(/```(\w+)\n(.*?)```/gs)];
  const found = blocks.find(([, name, code]) => name === language && code?.includes(part));
  if (found?.[2] === undefined) throw new Error(`README.md has no ${language} with ${part}`);
  return found[2];
}

describe("the adapter of the README keeps the contract", async () => {
  // Beside this file, so that Node finds the package under its own name.
  const file = fixture("../testing/readme-adapter.generated.ts");
  const code = example("ts", "export function lineAdapter").split("await using")[0];
  writeFileSync(file, String(code).replace('"snakepit"', '"../index.ts"'));
  afterAll(() => rmSync(file, { force: true }));
  const module = (await import(pathToFileURL(file).href)) as {
    lineAdapter(program: string): Adapter;
  };
  const absent = "absent";
  const contract = adapterContract({
    adapter: () => module.lineAdapter("cat"),
    echo: "say",
    values: ["hello", "", "ü, 漢字, 😀"],
    ...{ slow: absent, fail: absent, stream: absent },
    ...{ endlessStream: absent, crash: absent, session: absent },
  });
  for (const { name, run } of contract) test(name, { timeout: 60_000 }, run);
});

test.runIf(process.env["PATH"]?.split(":").some(hasRuby))(
  "the Ruby worker of the README answers, and fails, as it says",
  async () => {
    using directory = scratch();
    const file = directory.file("worker.rb");
    writeFileSync(file, example("ruby", "COMMANDS = {"));
    const adapter = processAdapter({ program: "ruby", args: [file], protocol: "json-lines" });
    await using pool = await createPool({ adapter, maxWorkers: 1 });
    expect(await pool.execute("add", { a: 5, b: 3 })).toBe(8);
    await expect(pool.execute("divide", { a: 1, b: 0 })).rejects.toMatchObject({
      code: "REMOTE",
      details: { type: "ZeroDivisionError" },
    });
  },
);

function hasRuby(directory: string): boolean {
  try {
    readFileSync(`${directory}/ruby`);
    return true;
  } catch {
    return false;
  }
}

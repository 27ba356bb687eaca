import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import { localLauncher } from "./local/local-launcher.ts";
import { nodeAdapter, processAdapter } from "./process/index.ts";
import { fakeAdapter, validateAdapter } from "./testing/index.ts";

const spec = () => ({ program: "x", args: [], env: {}, channel: "stdio" });
const connect = async () => ({});
const good = { name: "mine", spec, connect };

function problems(adapter: unknown): string {
  try {
    validateAdapter(adapter);
    return "";
  } catch (error) {
    if (!SnakepitError.is(error, "INVALID_OPTIONS")) throw error;
    return error.message.replace("[INVALID_OPTIONS] ", "");
  }
}

test("the adapters of this package are adapters", () => {
  const process = processAdapter({ program: "x", protocol: "json-lines" });
  for (const adapter of [process, nodeAdapter({ script: "x.mjs" }), fakeAdapter(), good]) {
    expect(problems(adapter)).toBe("");
  }
});

test.each([
  [undefined, "adapter must be an Adapter, not undefined"],
  [null, "adapter must be an Adapter, not null"],
  ["ruby", 'adapter must be an Adapter, not "ruby"'],
  [[], "adapter must be an Adapter, not an array"],
  [() => good, "adapter must be an Adapter, not a function"],
  [{}, "adapter lacks name; adapter lacks spec; adapter lacks connect"],
  [{ ...good, name: "" }, 'adapter.name must be a string that is not empty, not ""'],
  [{ ...good, spec: spec() }, "adapter.spec must be a function, not an object"],
  [{ ...good, connect: 3 }, "adapter.connect must be a function, not 3"],
  [{ ...good, open: true }, "adapter.open must be a function, not true"],
  [{ ...good, close: "later" }, 'adapter.close must be a function, not "later"'],
  [{ ...good, launcher: localLauncher }, "adapter.launcher must be an object, not a function"],
  [{ ...good, launcher: { name: "l" } }, "adapter.launcher lacks launch"],
  [{ ...good, launcher: { launch() {} } }, "adapter.launcher lacks name"],
  [{ ...good, commands: ["add"] }, "adapter.commands must be an object, not an array"],
  [{ ...good, commands: { add: true } }, 'adapter.commands["add"] must be an object, not true'],
  [
    { ...good, commands: { add: { validate: 1, timeoutMs: Number.NaN } } },
    'adapter.commands["add"].validate must be a function, not 1; ' +
      'adapter.commands["add"].timeoutMs must be a positive number of milliseconds (Infinity for none), not NaN',
  ],
  [
    { ...good, commands: { add: { timeout: 5 } } },
    'adapter.commands["add"] has no option "timeout"; meant timeoutMs?',
  ],
])("%o is refused, by the name of each wrong member", (adapter, expected) => {
  expect(problems(adapter)).toBe(expected);
});

test("a misspelt member is found, also on a class, and is told the right name", () => {
  class Typo {
    readonly name = "typo";
    spec = spec;
    conect() {}
  }
  expect(problems(new Typo())).toBe(
    "adapter lacks connect; adapter.conect is no member of an Adapter; meant connect?",
  );
  expect(problems({ ...good, comands: { add: {} } })).toBe(
    "adapter.comands is no member of an Adapter; meant commands?",
  );
});

test("members of its own are an adapter's own affair", () => {
  const own = { opened: true, closed: false, version: "1", commandNames: [], launch() {} };
  expect(problems({ ...good, ...own })).toBe("");
  // `closer` is near to `close`, which is there.
  expect(problems({ ...good, close: connect, closer: connect })).toBe("");
});

test("createPool says the same", async () => {
  const pool = createPool({ adapter: { name: "mine", spec } as never, maxWorkers: 0 });
  await expect(pool).rejects.toMatchObject({ code: "INVALID_OPTIONS", outcome: "not-started" });
  await expect(pool).rejects.toThrow(/maxWorkers must be.*; adapter lacks connect/);
});

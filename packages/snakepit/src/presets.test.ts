import { expect, test } from "vitest";
import { resolvePoolOptions } from "./options.ts";
import { presets } from "./presets.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";

const adapter = fakeAdapter();

test.each(Object.entries(presets))(
  "the preset %s sets its timeouts and nothing else",
  (name, timeouts) => {
    const plain = resolvePoolOptions({ adapter });
    const preset = resolvePoolOptions({ adapter, preset: name as keyof typeof presets });
    expect(preset).toEqual({ ...plain, ...timeouts });
  },
);

test("what the options name themselves counts more than a preset", () => {
  const options = resolvePoolOptions({ adapter, preset: "batch", callTimeoutMs: 7 });
  expect(options).toMatchObject({ callTimeoutMs: 7, queueTimeoutMs: 300_000 });
});

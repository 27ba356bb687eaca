import { afterEach, expect, test, vi } from "vitest";
import { dspex, predict } from "./default-client.ts";
import type { DspyBridge } from "./settings.ts";

function answering(answer: string): DspyBridge {
  const prediction = {
    outputs: { answer },
    usage: { model: "demo", inputTokens: 0, outputTokens: 0 },
  };
  return {
    dspy: {
      predict: async () => prediction,
      async *predictStream() {
        yield { final: prediction };
      },
    },
  };
}

const slot = Symbol.for("dspex.default");
afterEach(() => {
  delete (globalThis as { [slot]?: unknown })[slot];
});

test("module-level functions use one default client, which configure changes", async () => {
  const qa = predict("question -> answer");
  dspex.configure({ bridge: answering("one"), lm: "demo" });
  expect(await qa({ question: "q" })).toEqual({ answer: "one" });
  expect(await dspex.ask("q")).toBe("one");
  dspex.configure({ bridge: answering("two") });
  expect(await qa({ question: "q" })).toEqual({ answer: "two" });
});

test("a module that is loaded a second time shares the client", async () => {
  dspex.configure({ bridge: answering("shared"), lm: "demo" });
  vi.resetModules();
  const again = await import("./default-client.ts");
  expect(again.dspex).not.toBe(dspex);
  expect(await again.dspex.ask("q")).toBe("shared");
});

test("after close the next call starts anew, with the same settings", async () => {
  dspex.configure({ bridge: answering("kept"), lm: "demo" });
  await dspex.close();
  expect(await dspex.ask("q")).toBe("kept");
});

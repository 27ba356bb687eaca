/** What the examples print is what the comments behind them say. */
import { readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { inspect } from "node:util";
import * as bridgeExports from "snakepit-grpc-bridge";
import { expect, test } from "vitest";
import { root } from "./installed-project.ts";
import { temporaryFolder, testBridge } from "./workspace.ts";

const bridgeReadme = "packages/grpc-bridge/README.md";
const pythonReadme = "python/README.md";

test.each([
  ["an array of two dimensions is summed", "new Tensor("],
  ["an object is kept in a session and released", '"python.release"'],
])("the example of the README runs as written: %s", async (_, mark) => {
  const { printed, promised } = await run(example(bridgeReadme, "ts", mark));
  expect(promised.length).toBeGreaterThan(0);
  expect(printed).toEqual(promised);
});

test("the example of an error with a code of one's own runs as written", async () => {
  const folder = temporaryFolder();
  const commands = example(pythonReadme, "python", "OUT_OF_STOCK");
  writeFileSync(join(folder, "shop_commands.py"), commands);
  const python = { preload: ["shop_commands"], path: [folder] };
  const { printed, promised } = await run(example(pythonReadme, "ts", "shop.order"), { python });
  expect(printed).toEqual(promised);
  expect(promised).toEqual(["REMOTE OUT_OF_STOCK lamp"]);
});

/** The only block of code in that language with the text in it. */
function example(readme: string, language: string, mark: string): string {
  const text = readFileSync(join(root, readme), "utf8");
  const blocks = text.matchAll(/^```(\w+)\n(.*?)^```$/gms);
  const found = [...blocks].filter(([, of, code]) => of === language && code?.includes(mark));
  expect(found).toHaveLength(1);
  return found[0]?.[2] ?? "";
}

/** `promised`: what stands in the comments behind its calls of `console.log`. */
async function run(
  code: string,
  options: bridgeExports.BridgeOptions = {},
): Promise<{ readonly printed: string[]; readonly promised: string[] }> {
  const printed: string[] = [];
  const log = (...values: unknown[]) => printed.push(values.map(shown).join(" "));
  const names = { ...bridgeExports, createBridge: testBridge, console: { log } };
  const given = code.includes("createBridge(") ? {} : { bridge: await testBridge(options) };
  const scope = { ...names, ...given };
  const body = stripTypeScriptTypes(`async () => {${code.replace(/^import .*$/gm, "")}}`);
  const program = new Function(...Object.keys(scope), `return (${body})();`);
  await program(...Object.values(scope));
  const comments = code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm);
  return { printed, promised: [...comments].map(([, comment]) => comment ?? "") };
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { badCases, goodCases } from "./cases.ts";

// What a user sees in the editor: the real compiler, on the real `predict`.

test("each malformed signature is a compile error of one line, each good one is none", async () => {
  const bad = await compile(badCases.map(({ text }) => text));
  expect(bad).toEqual(
    badCases.map(({ text, message }) => {
      const quoted = `Signature error: ${message}`;
      return (
        `error TS2345: Argument of type '${shown(text)}' is not assignable to parameter ` +
        `of type '${shown(quoted)}'.`
      );
    }),
  );
  expect(await compile(goodCases.map(({ text }) => text))).toEqual([]);
}, 120_000);

/** The compiler's complaints about one `predict(…)` per line, without their places. */
async function compile(signatures: readonly string[]): Promise<string[]> {
  // Beside the sources and not among them, where a type check of the package would find them.
  const reports = fileURLToPath(new URL("../../reports/", import.meta.url));
  await mkdir(reports, { recursive: true });
  const folder = await mkdtemp(join(reports, "snippets-"));
  try {
    await writeFile(
      join(folder, "snippets.ts"),
      [
        'import type { Predict } from "../../src/modules/predict.ts";',
        "declare const predict: Predict;",
        ...signatures.map((text) => `predict(${JSON.stringify(text)});`),
      ].join("\n"),
    );
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../../../../tsconfig.base.json",
        files: ["snippets.ts"],
      }),
    );
    const output = await typeCheck(folder);
    return output
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(/^\S*snippets\.ts\(\d+,\d+\): /, ""));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function typeCheck(folder: string): Promise<string> {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve("typescript/package.json");
  const { bin } = require(manifest) as { bin: { tsc: string } };
  const tsc = join(dirname(manifest), bin.tsc);
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [tsc, "-p", folder, "--pretty", "false"],
      (error, stdout, stderr) => {
        // Exit code 1 or 2 means that there were complaints, which is what is asked for.
        if (error !== null && stdout === "") reject(new Error(stderr, { cause: error }));
        else resolve(stdout);
      },
    );
  });
}

/** A string as the compiler prints its type. */
function shown(text: string): string {
  return JSON.stringify(text);
}

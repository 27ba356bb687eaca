import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

// Arrows point from right to left. Apps are on top: none of them is imported by anybody.
const layers = ["snakepit", "snakepit-grpc-bridge", "dspex"];

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

interface Source {
  /** Relative to the root: "packages/dspex/src/index.ts". */
  readonly path: string;
  readonly text: string;
}

const members = globSync("{packages,apps}/*", { cwd: root }).filter((folder) =>
  existsSync(join(root, folder, "package.json")),
);
const manifests = new Map(
  members.map((folder) => [
    folder,
    JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest,
  ]),
);

function sourcesUnder(pattern: string): Source[] {
  return globSync(pattern, { cwd: root })
    .filter((path) => !path.includes("/gen/") && statSync(join(root, path)).isFile())
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

function importsOf(text: string): string[] {
  const statements = /(?:\bfrom|\bimport)\s*\(?\s*(["'])([^"'\n]+)\1/g;
  return [...text.matchAll(statements)].map(([, , specifier = ""]) => specifier);
}

/** Every import of `source` that a layer may not make, as a sentence. */
function wrongImports({ path, text }: Source): string[] {
  const member = members.find((folder) => path.startsWith(`${folder}/`)) ?? "";
  const own = manifests.get(member);
  if (own === undefined) return [`${path} belongs to no member`];
  return importsOf(text).flatMap((specifier) => {
    const wrong = (why: string) => [`${path}: "${specifier}" ${why}`];
    if (specifier.startsWith(".")) {
      const target = relative(join(root, member), resolve(root, dirname(path), specifier));
      return target.startsWith("..") ? wrong("leaves the package") : [];
    }
    const layer = layers.findIndex(
      (name) => specifier === name || specifier.startsWith(`${name}/`),
    );
    if (layer === -1) return [];
    const name = layers[layer] ?? "";
    const ownLayer = layers.includes(own.name) ? layers.indexOf(own.name) : layers.length;
    if (layer >= ownLayer) return wrong(`points upwards from ${own.name}`);
    if (own.dependencies?.[name] === undefined) return wrong(`is not in ${member}/package.json`);
    const subpath = `.${specifier.slice(name.length)}`;
    const target = [...manifests.values()].find((manifest) => manifest.name === name);
    return target?.exports?.[subpath] === undefined ? wrong(`is no export of ${name}`) : [];
  });
}

// What the generic pool must not know of: what is above it, and what people do with that. Also
// inside a name (`useGrpc`, `SNAKEPIT_PYTHON`) ...
const foreign = /\w*(?:python|grpc|dspy|dspex|torch|numpy|tensor|embedding|machine.learning)\w*/gi;
// ... though these only where a name begins with them or has them as one of its words, because
// HTML has an ML in it, `callMany` an llm, and "promptly" a prompt.
const foreignAsAWord =
  /(?<![a-zA-Z])(?:llm|ml|prompt)s?(?![a-z])|(?:Llm|Ml|Prompt)s?(?![a-z])|(?<![A-Z])(?:LLM|ML|PROMPT)S?(?![A-Z])/g;

function foreignWords({ path, text }: Source): string[] {
  return [...text.matchAll(foreign), ...text.matchAll(foreignAsAWord)].map(
    ([word]) => `${path}: ${word}`,
  );
}

test("each layer imports only those below it, by names that they export", () => {
  const sources = sourcesUnder("{packages,apps}/*/src/**/*.{ts,tsx,js,mjs}");
  expect(sources.length).toBeGreaterThan(20);
  expect(sources.flatMap(wrongImports)).toEqual([]);
});

test("an import in the wrong direction, past the exports or out of the package is found", () => {
  const plant = (path: string, text: string) => wrongImports({ path, text }).length;
  const pool = "packages/snakepit/src/planted.ts";
  expect(plant(pool, 'import { createBridge } from "snakepit-grpc-bridge";')).toBe(1);
  expect(plant(pool, 'const later = import("dspex");')).toBe(1);
  expect(plant(pool, 'export { ask } from "../../dspex/src/index.ts";')).toBe(1);
  expect(plant(pool, 'import "./pool.ts";\nimport { join } from "node:path";')).toBe(0);
  const bridge = "packages/grpc-bridge/src/environment/planted.ts";
  expect(plant(bridge, 'import { createPool } from "snakepit";')).toBe(0);
  expect(plant(bridge, 'import { Channel } from "snakepit/wire";')).toBe(0);
  expect(plant(bridge, 'import { schedule } from "snakepit/src/scheduler.ts";')).toBe(1);
  expect(plant(bridge, 'import type { Signature } from "dspex";')).toBe(1);
  expect(plant("packages/dspex/src/planted.ts", 'import "snakepit-grpc-bridge";')).toBe(0);
});

test("snakepit speaks of no layer above it", () => {
  const files = sourcesUnder("packages/snakepit/{src/**/*,README.md,package.json}");
  expect(files.length).toBeGreaterThan(5);
  expect(files.flatMap(foreignWords)).toEqual([]);
});

test("a word of the layers above is found", () => {
  const plant = (text: string) => foreignWords({ path: "planted.ts", text }).length;
  expect(plant("// as the Python worker does")).toBe(1);
  expect(plant("const grpcPort = 1;")).toBe(1);
  expect(plant("An LLM, a prompt and an embedding.")).toBe(3);
  expect(plant("useGrpc(); isPython; SNAKEPIT_PYTHON; my_tensor; startDspy();")).toBe(5);
  expect(plant("mlPools; isMl; my_ml; ML_POOL; LLMs; useLlm; llm_name; ASK_LLM;")).toBe(8);
  expect(plant("prompts; systemPrompt; promptText; PROMPT_TEXT; my_prompt")).toBe(5);
  expect(plant("HTML, html, xml, callMany, promptly, Promptly: nothing of that kind.")).toBe(0);
});

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InstalledProject, nodes, onlyNode, packPackages, root } from "./installed-project.ts";

// What a stranger gets: the packed packages, plain npm, an empty project outside this repository.
const minutes = 60_000;

let room: string;
let packed: Record<string, string>;

beforeAll(async () => {
  room = mkdtempSync(join(tmpdir(), "snakepit-install-"));
  packed = await packPackages(room);
}, 2 * minutes);

// Several environments of Python: on a busy disk that takes its time.
afterAll(() => rmSync(room, { recursive: true, force: true }), 2 * minutes);

/** The tarballs of a package and of those it needs, which are in no registry yet. */
function tarballs(...names: readonly string[]): string[] {
  return names.map((name) => packed[name] ?? name);
}

describe.each(nodes)("Node $version", ({ path: node, version }) => {
  const projectFor = (name: string) =>
    new InstalledProject(join(room, `${name}-${version}`), node, join(room, `cache-${name}`));

  test("snakepit alone runs workers where there is no Python", { timeout: minutes }, async () => {
    const project = projectFor("pool");
    await project.install(...tarballs("snakepit"));
    project.write(
      "worker.js",
      `import { serveJsonLines } from "snakepit/process";
serveJsonLines({ add: ({ a, b }) => a + b });
`,
    );
    project.write(
      "main.js",
      `import { createPool } from "snakepit";
import { nodeAdapter } from "snakepit/process";
const pool = await createPool({
  adapter: nodeAdapter({ script: new URL("worker.js", import.meta.url) }),
});
console.log(await pool.execute("add", { a: 20, b: 22 }));
await pool.close();
`,
    );
    const env = { PATH: onlyNode(join(project.folder, "bin"), node) };
    const { status, stdout, stderr } = await project.run(node, ["main.js"], env);
    expect(stderr).toBe("");
    expect(stdout).toBe("42\n");
    expect(status).toBe(0);
  });

  test("the bridge asks for its setup, and answers a call after it", {
    timeout: 5 * minutes,
  }, async () => {
    const project = projectFor("bridge");
    await project.install(...tarballs("snakepit", "snakepit-grpc-bridge"));
    project.write(
      "main.js",
      `import { createBridge } from "snakepit-grpc-bridge";
const bridge = await createBridge();
try {
  console.log(await bridge.python.call("math.sqrt", [16]));
} finally {
  await bridge.close();
}
`,
    );
    const nothing = { XDG_CACHE_HOME: join(room, `empty-${version}`) };
    const before = await project.run(node, ["main.js"], nothing);
    expect(before.stderr).toContain("WORKER_START_FAILED");
    expect(before.stderr).toContain("`npx snakepit-bridge setup`");
    expect(before.status).not.toBe(0);

    const setup = await project.run("npx", ["snakepit-bridge", "setup"]);
    expect(setup.stderr).not.toContain("rror");
    expect(setup.stdout).toMatch(
      /environment {2}\/.+\nversions {5}python 3\.\d+\.\d+, snakepit-bridge/,
    );
    expect(setup.status).toBe(0);

    const after = await project.run(node, ["main.js"]);
    expect(after.stderr).toBe("");
    expect(after.stdout).toBe("4\n");
    expect(after.status).toBe(0);
  });

  test("dspex gives a typed answer after its setup, and the program ends by itself", {
    timeout: 10 * minutes,
  }, async () => {
    const project = projectFor("dspex");
    await project.install(...tarballs("snakepit", "snakepit-grpc-bridge", "dspex"));
    project.write(
      "main.js",
      `import { dspex } from "dspex";
const text = "The program crashes with an error when I save a file.";
const label = await dspex.classify(text, ["bug", "question"]);
console.log(label);
`,
    );
    const nothing = { XDG_CACHE_HOME: join(room, `empty-${version}`) };
    const before = await project.run(node, ["main.js"], nothing);
    expect(before.stderr).toContain("`npx dspex setup`");
    expect(before.status).not.toBe(0);

    const setup = await project.run("npx", ["dspex", "setup"]);
    expect(setup.stdout).toMatch(/versions {5}.*dspy 3\./);
    expect(setup.status).toBe(0);

    const after = await project.run(node, ["main.js"]);
    expect(after.stdout).toMatch(/^(bug|question)\n$/);
    expect(after.stderr).toContain("demo");
    expect(after.status).toBe(0);
  });
});

describe("what was installed", () => {
  let project: InstalledProject;

  beforeAll(async () => {
    const node = nodes[0]?.path ?? process.execPath;
    project = new InstalledProject(join(room, "types"), node, join(room, "cache-types"));
    await project.install(...tarballs("snakepit", "snakepit-grpc-bridge", "dspex"));
  }, 2 * minutes);

  // As TypeScript itself, and as bundlers see the packages.
  test.each([
    { module: "nodenext", resolution: "nodenext" },
    { module: "esnext", resolution: "bundler" },
  ])(
    "is typed under $resolution, without looking away from our declarations",
    {
      timeout: 2 * minutes,
    },
    async ({ module, resolution }) => {
      project.write(
        "main.ts",
        `import { createDspex, DspexError, dspex } from "dspex";
import { createPool, SnakepitError } from "snakepit";
import { nodeAdapter } from "snakepit/process";
import { type Bridge, createBridge } from "snakepit-grpc-bridge";

export const kind: "bug" | "question" = await dspex.classify("text", ["bug", "question"]);
const rate = createDspex({ lm: "demo" }).predict("review -> stars: int, reasons: list[str]");
const { stars, reasons } = await rate({ review: "Good." });
export const rating: [number, readonly string[]] = [stars, reasons];
// @ts-expect-error a field that the signature does not have
await rate({ revue: "Good." });
export const pool = createPool({ adapter: nodeAdapter({ script: "worker.js" }) });
export const bridge: Promise<Bridge> = createBridge();
export const isOurs = (error: unknown) => DspexError.is(error) || SnakepitError.is(error);
`,
      );
      const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
      const strict = ["--strict", "--skipLibCheck", "false", "--noEmit"];
      const target = ["--target", "es2023", "--lib", "es2023,esnext.disposable"];
      const how = ["--module", module, "--moduleResolution", resolution];
      const tsc = join(root, "node_modules/.bin/tsc");
      const { status, stdout } = await project.run(tsc, [
        ...[...types, ...strict, ...target, ...how],
        "main.ts",
      ]);
      expect(stdout).toBe("");
      expect(status).toBe(0);
    },
  );

  test("holds our licence, in the Python wheel too", () => {
    const licence = readFileSync(join(root, "LICENSE"), "utf8");
    for (const name of ["snakepit", "snakepit-grpc-bridge", "dspex"]) {
      const file = join(project.folder, "node_modules", name, "LICENSE");
      expect(readFileSync(file, "utf8")).toBe(licence);
    }
    expect(readFileSync(join(root, "python/LICENSE"), "utf8")).toBe(licence);
    const folder = join(project.folder, "node_modules/snakepit-grpc-bridge/python");
    const wheel = readdirSync(folder).find((file) => file.endsWith(".whl")) ?? "";
    // Names stand uncompressed in a zip file.
    const zip = readFileSync(join(folder, wheel), "latin1");
    expect(zip).toContain(".dist-info/licenses/LICENSE");
  });
});

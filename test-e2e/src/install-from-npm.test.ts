import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InstalledProject, nodes, onlyNode, packPackages } from "./installed-project.ts";

// What a stranger gets: the packed packages, plain npm, an empty project outside this repository.
const minutes = 60_000;

let room: string;
let packed: Record<string, string>;

beforeAll(async () => {
  room = mkdtempSync(join(tmpdir(), "snakepit-install-"));
  packed = await packPackages(room);
}, 2 * minutes);

afterAll(() => rmSync(room, { recursive: true, force: true }));

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

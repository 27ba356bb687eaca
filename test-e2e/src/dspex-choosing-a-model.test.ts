import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";

// Each program runs in a process of its own, because notices and defaults are per process.

// Starting Python takes seconds on a busy machine, and each of these programs does it.
vi.setConfig({ testTimeout: 120_000 });

const askTwice = `
  const { dspex } = await import("dspex");
  console.log(await dspex.ask("What is 2 + 3?"));
  console.log(await dspex.ask("What is 20 + 30?"));
`;

test("without a model the demo model answers, with one notice, and the program ends by itself", async () => {
  const { code, stdout, stderr } = await run(askTwice);
  expect(stdout).toMatch(/5[\s\S]*50/);
  expect(stderr.match(/demo model answers/g)).toHaveLength(1);
  expect(stderr).toContain("DSPEX_LM");
  expect(code).toBe(0);
});

test("a demo model that was asked for by name gives no notice", async () => {
  const { code, stderr } = await run(askTwice, { DSPEX_LM: "demo" });
  expect(stderr).toBe("");
  expect(code).toBe(0);
});

test("a provider's key in the environment chooses nothing", async () => {
  const { stdout, stderr } = await run(askTwice, { OPENAI_API_KEY: "sk-secret" });
  expect(stdout).toContain("5");
  expect(stderr).toContain("a key alone never chooses a model");
  expect(`${stdout}${stderr}`).not.toContain("sk-secret");
});

test("in production an unconfigured program is refused, with the ways to set a model", async () => {
  const { code, stdout, stderr } = await run(askTwice, { NODE_ENV: "production" });
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toContain("MODEL_NOT_CONFIGURED");
  expect(stderr).toContain("dspex.configure");
  expect(stderr).toContain("DSPEX_LM");
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, environment: Record<string, string> = {}): Promise<Ended> {
  const unset = ["DSPEX_LM", "DSPEX_API_KEY", "DSPEX_API_BASE", "NODE_ENV", "OPENAI_API_KEY"];
  const inherited = Object.entries(process.env).filter(([name]) => !unset.includes(name));
  const options = {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    env: { ...Object.fromEntries(inherited), ...environment },
  };
  return new Promise((resolve) => {
    const args = ["--input-type=module", "--eval", program];
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { remoteBridge } from "./remote-bridge.ts";
import { made, pythonFolder, temporaryFolder, testBridge, workersPython } from "./workspace.ts";

const service = "snakepit_bridge.v1.BridgeService";

/** What the health client of grpcio prints, line by line; with certificates if `env` names them. */
function probe(address: string, method: "check" | "watch" | "crowd", name: string, env = {}) {
  const script = join(pythonFolder, "grpc_probe.py");
  const child = spawn(workersPython(), [script, address, method, name], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

async function lineOf(lines: AsyncIterator<string>): Promise<string> {
  return (await lines.next()).value;
}

test("a probe finds the host serving, for itself and for its service, and knows no other", async () => {
  const bridge = await testBridge({ transport: "grpc" });
  const { address = "" } = bridge.status().pools["default"] ?? {};
  expect(address).toMatch(/^unix:\//);
  expect(await lineOf(probe(address, "check", ""))).toBe("SERVING");
  expect(await lineOf(probe(address, "check", service))).toBe("SERVING");
  expect(await lineOf(probe(address, "check", "nobody"))).toBe("NOT_FOUND");
  expect(await lineOf(probe(address, "watch", "nobody"))).toBe("SERVICE_UNKNOWN");
});

test.each([service, "nobody"])(
  "watches of %s are refused when there are too many",
  async (name) => {
    const bridge = await testBridge({ transport: "grpc" });
    const { address = "" } = bridge.status().pools["default"] ?? {};
    expect(await lineOf(probe(address, "crowd", name))).toBe("RESOURCE_EXHAUSTED");
  },
);

test("who watches hears that a bridge closes while its last calls still run", async () => {
  const bridge = await testBridge({ transport: "grpc" });
  const { address = "" } = bridge.status().pools["default"] ?? {};
  const watch = probe(address, "watch", service);
  expect(await lineOf(watch)).toBe("SERVING");
  const gate = `${temporaryFolder()}/gate`;
  const last = bridge.execute("e2e.at_gate", { gate, number: 1 });
  await made(`${gate}.1`);
  const closed = bridge.close({ graceMs: 20_000 });
  expect(await lineOf(watch)).toBe("NOT_SERVING");
  writeFileSync(gate, "");
  expect(await last).toBe(1);
  await closed;
  expect(await lineOf(watch)).not.toBe("SERVING"); // the watch ends with the host
});

test("over TCP a probe needs a certificate, and no token", async () => {
  const { bridge, certificates } = await remoteBridge();
  const { address = "" } = bridge.status().pools["default"] ?? {};
  const { ca, worker } = certificates;
  const env = {
    SNAKEPIT_TLS_CA: ca,
    SNAKEPIT_TLS_CERT: worker.cert,
    SNAKEPIT_TLS_KEY: worker.key,
  };
  expect(address).toMatch(/^localhost:\d+$/);
  expect(await lineOf(probe(address, "check", "", env))).toBe("SERVING");
  expect(await lineOf(probe(address, "check", ""))).toBe("UNAVAILABLE");
});

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { jsonCodec, Reception } from "snakepit/wire";
import { expect, onTestFinished, test } from "vitest";
import { GrpcListener } from "../../packages/grpc-bridge/src/grpc-listener.ts";
import { remoteBridge } from "./remote-bridge.ts";
import { pythonFolder, temporaryFolder, workersPython } from "./workspace.ts";

test("a quiet stream with a ping every 100 ms from both sides is nobody's offence", async () => {
  const reception = new Reception({ codecs: [jsonCodec] });
  const place = { path: join(temporaryFolder(), "g") };
  const listener = await GrpcListener.open({ reception, place, keepaliveMs: 100 });
  onTestFinished(() => listener[Symbol.asyncDispose]());
  const arrives = reception.worker("w1", new AbortController().signal);
  const script = join(pythonFolder, "grpc_pings.py");
  const target = listener.address.replace(/^grpc:/, "");
  const client = spawn(workersPython(), [script, target, reception.token, "4"], {
    // gRPC's own account of what the other side answers to its pings.
    env: { ...process.env, GRPC_VERBOSITY: "info", GRPC_TRACE: "http_keepalive,http2_ping" },
  });
  onTestFinished(() => void client.kill("SIGKILL"));
  let account = "";
  client.stderr.on("data", (chunk: Buffer) => {
    account += chunk.toString();
  });
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("welcome");
  expect((await lines.next()).value).toBe("open");
  expect((await lines.next()).value).toBe("OK");
  expect(await (await arrives).channel.closed).toBeUndefined();
  expect(account).toMatch(/keepalive/i); // it has kept the account at all
  expect(account).not.toMatch(/too_many_pings|ENHANCE_YOUR_CALM|goaway \[11\]/i);
});

test("a call that runs for longer than a lease outlives many keepalives", async () => {
  // Each side pings three times a second and more.
  const { bridge, proxy } = await remoteBridge({}, 1_000);
  const pid = await bridge.execute("e2e.pid");
  expect(await bridge.execute("sleep", { seconds: 4 })).toBeDefined();
  expect(await bridge.execute("e2e.pid")).toBe(pid);
  expect(proxy.accepted).toBe(1);
});

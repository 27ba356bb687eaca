/** What keeps workers from dialling in is said with the option that is at fault. */
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../packages/grpc-bridge/src/fixtures/certificates.ts";
import { temporaryFolder, testBridge } from "./workspace.ts";

async function certificates() {
  return makeCertificates(join(temporaryFolder(), "tls"));
}

test("a port that is taken is named, with its address and what to do", async () => {
  const server = createServer().unref();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  onTestFinished(() => void server.close());
  const { ca, host, worker } = await certificates();
  const listen = { host: "127.0.0.1", port, tls: { ca, ...host, worker } };
  await expect(testBridge({ transport: "grpc", listen })).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    outcome: "not-started",
    message: expect.stringMatching(
      `listen.host 127.0.0.1 and listen.port ${port} \\(EADDRINUSE\\): .*another number`,
    ),
    details: { reason: "adapter-open" },
  });
});

test("a name that is not in the certificate is named, with listen.advertise", async () => {
  const { ca, host, worker } = await certificates();
  // Leads to this machine too, and the certificate has it not.
  const listen = { host: "0.0.0.0", advertise: "127.0.0.2", tls: { ca, ...host, worker } };
  const started = testBridge({ transport: "grpc", listen });
  await expect(started).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: expect.stringMatching(
      /workers dial 127\.0\.0\.2, and .*listen\.tls\.cert .*set listen\.advertise/,
    ),
    details: { stderr: expect.stringContaining("Hostname Verification Check failed") },
  });
});

test("a certificate of another authority is named, with listen.tls.ca", async () => {
  const [{ host, worker }, { ca }] = [await certificates(), await certificates()];
  const listen = { host: "localhost", tls: { ca, ...host, worker } };
  await expect(testBridge({ transport: "grpc", listen })).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: expect.stringContaining(`listen.tls.ca (${ca}) must be the authority`),
  });
});

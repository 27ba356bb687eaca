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

test("a certificate of another authority is named, before anything starts", async () => {
  const [{ ca, host, worker }, theirs] = [await certificates(), await certificates()];
  const refusal = (name: string, file: string) => ({
    code: "INVALID_OPTIONS",
    message: expect.stringContaining(
      `${name} (${file}) was not signed by listen.tls.ca (${ca}), nor by what follows it`,
    ),
  });
  const started = (tls: { ca: string } & typeof host & { worker: typeof worker }) =>
    testBridge({ transport: "grpc", listen: { host: "localhost", tls } });
  await expect(started({ ca, ...host, worker: theirs.worker })).rejects.toMatchObject(
    refusal("listen.tls.worker.cert", theirs.worker.cert),
  );
  await expect(started({ ca, ...theirs.host, worker })).rejects.toMatchObject(
    refusal("listen.tls.cert", theirs.host.cert),
  );
});

test("a host's certificate that has expired is named, with what the worker saw", async () => {
  const dates = { notBeforeDate: new Date("2020-01-01"), notAfterDate: new Date("2020-02-01") };
  const expired = await makeCertificates(join(temporaryFolder(), "tls"), dates);
  const { ca, host, worker } = expired;
  const started = testBridge({
    transport: "grpc",
    listen: { host: "localhost", tls: { ca, ...host, worker } },
  });
  await expect(started).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: expect.stringMatching(/listen\.tls\.cert \(.+\), which must not have expired; what/),
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { makeCertificates } from "../../packages/grpc-bridge/src/fixtures/certificates.ts";
import { useBridgesWith } from "./workspace.ts";

const folder = mkdtempSync(join(tmpdir(), "snakepit-e2e-"));
afterAll(() => rmSync(folder, { recursive: true }));
const { ca, host, worker } = await makeCertificates(folder);

// The same promises over TCP with certificates, and with a lease.
useBridgesWith({ transport: "grpc", listen: { host: "localhost", tls: { ca, ...host, worker } } });
await import("./bridge-cancel.test.ts");
await import("./bridge-crash.test.ts");

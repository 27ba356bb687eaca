import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { makeCertificates } from "../../packages/grpc-bridge/src/fixtures/certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "snakepit-e2e-"));
afterAll(() => rmSync(folder, { recursive: true }));
const { ca, host, worker } = await makeCertificates(folder);

/** Where workers dial in over TCP; the files go with the test file. */
export const listen = { host: "localhost", tls: { ca, ...host, worker } };

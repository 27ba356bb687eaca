import { join } from "node:path";
import type { Bridge, BridgeOptions } from "snakepit-grpc-bridge";
import {
  type Certificates,
  makeCertificates,
} from "../../packages/grpc-bridge/src/fixtures/certificates.ts";
import { FaultProxy, freePort } from "./fault-proxy.ts";
import { temporaryFolder, testBridge } from "./workspace.ts";

export interface RemoteBridge {
  readonly bridge: Bridge;
  readonly certificates: Certificates;
  /** The only way by which workers reach the host. */
  readonly proxy: FaultProxy;
}

/** Workers of this machine that dial in as if they were on another: TCP, mTLS, a lease. */
export async function remoteBridge(
  options: BridgeOptions = {},
  leaseMs = 10_000,
): Promise<RemoteBridge> {
  const certificates = await makeCertificates(join(temporaryFolder(), "tls"));
  const { ca, host, worker } = certificates;
  const port = await freePort();
  const proxy = await FaultProxy.open(port);
  const bridge = await testBridge({
    transport: "grpc",
    listen: {
      host: "127.0.0.1",
      port,
      advertise: `localhost:${proxy.port}`,
      tls: { ca, ...host, worker },
      leaseMs,
    },
    ...options,
  });
  return { bridge, certificates, proxy };
}

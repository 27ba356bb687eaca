import { checkTime, connectTime, reconnectTime } from "../connection-samples.ts";
import type { Measurement } from "../measurement.ts";
import { openSupervisedGrpc } from "../peers/grpc.ts";
import { grpcUnary, ours } from "./peers.ts";

const notSlower = { peer: "grpc-unary", atLeast: 1 };

/** What happens around calls. */
export const connections: readonly Measurement[] = [
  {
    title: "one more worker, forked and ready, next to one more channel of a running gRPC server",
    rows: [
      {
        name: "connect",
        value: "connect",
        unit: "ms",
        better: "lower",
        claim: "15 ms",
        targets: [notSlower],
      },
    ],
    entries: [ours, grpcUnary],
    sample: connectTime,
  },
  {
    title: "from kill -9 of the worker to the next good call, next to a gRPC server started again",
    rows: [
      {
        name: "reconnect",
        value: "elapsed",
        unit: "ms",
        better: "lower",
        claim: "8 ms",
        targets: [{ atMost: 100 }, notSlower],
      },
    ],
    entries: [ours, { name: "grpc-unary", open: openSupervisedGrpc }],
    kind: "once",
    sample: reconnectTime,
  },
  {
    title: "health check of one worker",
    rows: [
      {
        name: "health-check",
        value: "check",
        unit: "ms",
        better: "lower",
        claim: "1 ms",
        targets: [notSlower],
      },
    ],
    entries: [ours, grpcUnary],
    sample: checkTime,
  },
];

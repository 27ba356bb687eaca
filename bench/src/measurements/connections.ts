import { checkTime, connectTime, reconnectTime } from "../connection-samples.ts";
import type { Measurement } from "../measurement.ts";
import { openGrpcStarts, openSupervisedGrpc } from "../peers/grpc.ts";
import { startTime } from "../worker-samples.ts";
import { grpcUnary, ours } from "./peers.ts";

const oursAndGrpc = [ours, grpcUnary];
const notSlower = { peer: "grpc-unary", atLeast: 1 };

/** What happens around calls. */
export const connections: readonly Measurement[] = [
  {
    title:
      "from a worker's dialling to its being ready, next to a channel to a running gRPC server",
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
    entries: oursAndGrpc,
    sample: connectTime,
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
    entries: oursAndGrpc,
    sample: checkTime,
  },
  {
    title: "one more worker, from the wish until it is ready, next to one more gRPC server",
    rows: [
      {
        name: "start-one-more",
        value: "elapsed",
        unit: "ms",
        better: "lower",
        targets: [notSlower],
      },
    ],
    entries: [ours, { name: "grpc-unary", open: openGrpcStarts }],
    kind: "once",
    sample: (contestant) => startTime(contestant, 1),
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
];

import { callLatency, callRate, inferenceRate, outOfStepRate } from "../call-samples.ts";
import type { Entry } from "../contestant.ts";
import type { Measurement, Row } from "../measurement.ts";
import { openOurSessions, openOurs } from "../ours.ts";
import { openBareSockets } from "../peers/bare-socket.ts";
import { openBareGrpcStream } from "../peers/grpc.ts";
import { openNodeCallsPython } from "../peers/node-calls-python.ts";
import type { Target } from "../targets.ts";
import { bareSocket, fastapi, grpcUnary, ours, pythonia, pythonShell } from "./peers.ts";

const WORKERS = 16;

const nodeCallsPython: Entry = { name: "node-calls-python", open: openNodeCallsPython };
const everybody = [ours, grpcUnary, bareSocket, pythonShell, pythonia, nodeCallsPython, fastapi];

/** Small calls from one event loop to one or to 16 workers. */
export const calls: readonly Measurement[] = [
  {
    title: "small calls, 1 Python worker, 256 in flight",
    rows: [
      rate("small-calls", "calls/s", "75,000 calls/s", [
        { peer: "grpc-unary", cpu: true, atLeast: 100 },
        { peer: "bare-socket", atLeast: 0.55 },
        { peer: "grpc-unary", atLeast: 60 },
        { peer: "pythonia", atLeast: 5 },
        { peer: "python-shell", atLeast: 5 },
      ]),
    ],
    entries: everybody,
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  {
    title: "one call at a time",
    rows: [
      {
        name: "latency-p50",
        value: "p50",
        unit: "µs",
        better: "lower",
        targets: [
          { peer: "bare-socket", atLeast: 0.5 },
          { peer: "pythonia", atLeast: 1 },
        ],
      },
      {
        name: "latency-p99",
        value: "p99",
        unit: "µs",
        better: "lower",
        claim: "1,200, 600 and 8,000 µs, depending on the load",
        targets: [{ peer: "bare-socket", atLeast: 1 / 3 }],
      },
    ],
    entries: everybody,
    sample: callLatency,
  },
  {
    title: "small calls over the gRPC transport, 1 Python worker, 256 in flight",
    rows: [
      rate("small-calls-grpc", "calls/s", "75,000 calls/s", [
        { peer: "bare-grpc-stream", atLeast: 0.6 },
        { peer: "grpc-unary", atLeast: 45 },
      ]),
    ],
    entries: [
      { name: "ours", open: () => openOurs({ transport: "grpc" }) },
      { name: "bare-grpc-stream", open: openBareGrpcStream },
      grpcUnary,
    ],
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  {
    title: `${WORKERS} Python workers, 256 callers out of step`,
    rows: [
      rate("sixteen-workers", "calls/s", "75,000 calls/s", [{ peer: "one-worker", atLeast: 0.5 }]),
    ],
    entries: [
      { name: "ours", open: () => openOurs({ workers: WORKERS }) },
      { name: "one-worker", open: () => openOurs({ name: "one-worker" }) },
    ],
    sample: (contestant, durationMs) => outOfStepRate(contestant, 256, durationMs),
  },
  sessionCalls("session-calls", 256),
  sessionCalls("session-calls-1024", 1_024),
  {
    title: "one row through a small model for each call, 1 Python worker, 256 in flight",
    rows: [
      rate("ml-inference", "inferences/s", "12,000 inferences/s", [
        { peer: "fastapi", atLeast: 5 },
      ]),
    ],
    entries: [{ name: "ours", open: () => openOurs({ preload: "bench_inference" }) }, fastapi],
    sample: (contestant, durationMs) => inferenceRate(contestant, 256, durationMs),
  },
];

function sessionCalls(name: string, inFlight: number): Measurement {
  const targets = [{ peer: "bare-socket", atLeast: 0.6 }];
  return {
    title: `${WORKERS} Python workers, ${WORKERS} sessions, ${inFlight} in flight`,
    rows: [rate(name, "calls/s", "68,000 calls/s", targets)],
    entries: [
      { name: "ours", open: () => openOurSessions(WORKERS) },
      { name: "bare-socket", open: () => openBareSockets(WORKERS) },
    ],
    sample: (contestant, durationMs) => callRate(contestant, inFlight, durationMs),
  };
}

function rate(name: string, unit: string, claim: string, targets: readonly Target[]): Row {
  return { name, value: "rate", unit, better: "higher", claim, targets };
}

import type { Contestant, Entry } from "./contestant.ts";
import { openOurs, openPoolAlone } from "./ours.ts";
import { openBareSocket } from "./peers/bare-socket.ts";
import { openGrpc } from "./peers/grpc.ts";
import { openPiscina } from "./peers/piscina.ts";
import { openPythonShell } from "./peers/python-shell.ts";
import { openPythonia } from "./peers/pythonia.ts";
import { callLatency, callRate, chunkRate, firstChunk, type Sample } from "./samples.ts";

export interface Row {
  readonly name: string;
  /** Which of a sample's values. */
  readonly value: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
}

/** One kind of load, put on every contestant in turn. It may fill more than one row. */
export interface Measurement {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Ours first. */
  readonly entries: readonly Entry[];
  sample(contestant: Contestant, durationMs: number): Promise<Sample>;
}

const ours: Entry = { name: "ours", open: openOurs };
const grpcUnary: Entry = { name: "grpc-unary", open: () => openGrpc("grpc-unary") };
const grpcStream: Entry = {
  name: "grpc-server-stream",
  open: () => openGrpc("grpc-server-stream"),
};
const bareSocket: Entry = { name: "bare-socket", open: openBareSocket };
const pythonShell: Entry = { name: "python-shell", open: openPythonShell };
const pythonia: Entry = { name: "pythonia", open: openPythonia };

export const measurements: readonly Measurement[] = [
  {
    title: "small calls, 1 Python worker, 256 in flight",
    rows: [{ name: "small-calls", value: "rate", unit: "calls/s", better: "higher" }],
    entries: [ours, grpcUnary, bareSocket, pythonShell, pythonia],
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  {
    title: "one call at a time",
    rows: [
      { name: "latency-p50", value: "p50", unit: "µs", better: "lower" },
      { name: "latency-p99", value: "p99", unit: "µs", better: "lower" },
    ],
    entries: [ours, grpcUnary, bareSocket, pythonShell, pythonia],
    sample: callLatency,
  },
  {
    title: "streams of 32-character chunks",
    rows: [{ name: "stream-chunks", value: "rate", unit: "chunks/s", better: "higher" }],
    entries: [ours, grpcStream, bareSocket],
    sample: chunkRate,
  },
  {
    title: "first chunk of a stream",
    rows: [{ name: "first-chunk", value: "first", unit: "ms", better: "lower" }],
    entries: [ours, grpcStream, bareSocket],
    sample: firstChunk,
  },
  {
    title: "the pool without Python, 256 in flight, a deadline on each call",
    rows: [{ name: "pool-alone", value: "rate", unit: "calls/s", better: "higher" }],
    entries: [
      { name: "ours", open: openPoolAlone },
      { name: "piscina", open: openPiscina },
    ],
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
];

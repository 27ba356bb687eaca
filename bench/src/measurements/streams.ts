import { chunkRate, firstChunk } from "../call-samples.ts";
import type { Measurement } from "../measurement.ts";
import { bareSocket, grpc, ours } from "./peers.ts";

const entries = [ours, grpc("grpc-server-stream"), bareSocket];

export const streams: readonly Measurement[] = [
  {
    title: "streams of 32-character chunks",
    rows: [
      {
        name: "stream-chunks",
        value: "rate",
        unit: "chunks/s",
        better: "higher",
        claim: "250,000 chunks/s",
        targets: [{ atLeast: 250_000 }],
      },
    ],
    entries,
    sample: chunkRate,
  },
  {
    title: "first chunk of a stream",
    rows: [
      {
        name: "first-chunk",
        value: "first",
        unit: "ms",
        better: "lower",
        claim: "5 ms",
        targets: [{ atMost: 1 }],
      },
    ],
    entries,
    sample: firstChunk,
  },
];

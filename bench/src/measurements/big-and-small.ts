import type { Measurement } from "../measurement.ts";
import { openJsonLinesCounted, openOursCounted } from "../message-bytes.ts";
import { arrayTime, messageBytes } from "../size-samples.ts";
import { grpc, ours } from "./peers.ts";

export const messages: readonly Measurement[] = [
  {
    title: "a small call and its answer on the wire",
    rows: [
      {
        name: "message-size",
        value: "bytes",
        unit: "bytes",
        better: "lower",
        claim: "18 to 36 % smaller than JSON lines",
        // 18 % less than JSON lines.
        targets: [{ peer: "json-lines", atLeast: 1.22 }],
      },
    ],
    entries: [
      { name: "ours", open: openOursCounted },
      { name: "json-lines", open: openJsonLinesCounted },
    ],
    kind: "once",
    sample: messageBytes,
  },
];

export const arrays: readonly Measurement[] = [
  {
    title: "64 MiB of float32 there and back",
    rows: [
      {
        name: "array-64MiB",
        value: "elapsed",
        unit: "ms",
        better: "lower",
        targets: [{ peer: "grpc-message", atLeast: 4 }],
      },
    ],
    entries: [ours, grpc("grpc-message")],
    kind: "once",
    sample: arrayTime,
  },
];

import type { Measurement } from "../measurement.ts";
import { openQueue } from "../our-queue.ts";
import { queueCosts, sharedSignalCosts } from "../queue-samples.ts";

export const queues: readonly Measurement[] = [
  {
    title: "100,000 calls wait in the queue, next to shorter queues",
    rows: [
      { name: "queue-100k", value: "through", unit: "CPU µs", better: "lower" },
      { name: "queue-100k-cancel", value: "cancel", unit: "CPU µs", better: "lower" },
      { name: "queue-100k-memory", value: "bytes", unit: "bytes", better: "lower" },
    ],
    entries: [
      { name: "ours", open: () => openQueue("ours", 100_000) },
      { name: "queue-10k", open: () => openQueue("queue-10k", 10_000) },
      { name: "queue-1k", open: () => openQueue("queue-1k", 1_000) },
    ],
    kind: "once",
    isDetail: true,
    sample: queueCosts,
  },
  {
    title: "10,000 calls that share one signal wait, and it aborts",
    rows: [{ name: "queue-10k-one-signal", value: "shared", unit: "CPU µs", better: "lower" }],
    entries: [
      { name: "ours", open: () => openQueue("ours", 10_000) },
      { name: "queue-1k", open: () => openQueue("queue-1k", 1_000) },
    ],
    kind: "once",
    isDetail: true,
    sample: sharedSignalCosts,
  },
];

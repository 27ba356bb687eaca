import { availableParallelism } from "node:os";
import type { BridgePoolOptions } from "./options.ts";

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const minuteMs = 60_000;

/**
 * Timeouts for inference: 15 min for a call, 60 min for a stream, 60 s in the queue, as the profile
 * of that name has them in Snakepit for Elixir.
 */
export const mlDefaults = {
  callTimeoutMs: 15 * minuteMs,
  streamTimeoutMs: 60 * minuteMs,
  queueTimeoutMs: 60_000,
} as const satisfies BridgePoolOptions;

/**
 * Three pools that do not get in each other's way: `general` for what is quick, `optimizer` for
 * what runs for minutes, `neural` for large models. The last two start with their first call.
 * Commands are told apart by how their operation is called.
 */
export function mlPools(): Readonly<Record<"general" | "optimizer" | "neural", BridgePoolOptions>> {
  return {
    general: {
      maxWorkers: 2 * availableParallelism(),
      memoryBytes: 512 * MiB,
      callTimeoutMs: 30_000,
    },
    optimizer: {
      minWorkers: 0,
      maxWorkers: 2,
      memoryBytes: 4 * GiB,
      callTimeoutMs: 5 * minuteMs,
      commands: [
        "optimize*",
        "compile*",
        "evaluate*",
        "dspy.optimize*",
        "dspy.compile*",
        "dspy.evaluate*",
      ],
    },
    neural: {
      minWorkers: 0,
      maxWorkers: 4,
      memoryBytes: 8 * GiB,
      callTimeoutMs: 10 * minuteMs,
      commands: ["neural*", "train*", "infer*", "batch_inference", "embed*", "torch.*"],
    },
  };
}

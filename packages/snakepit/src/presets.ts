import type { PoolLimits } from "./options.ts";

type PresetTimeouts = Pick<PoolLimits, "callTimeoutMs" | "streamTimeoutMs" | "queueTimeoutMs">;

/**
 * Timeouts that belong together; a timeout that the options name themselves counts instead. The
 * figures are those of Snakepit for Elixir, whose users have lived with them.
 */
export const presets = {
  /** Calls of seconds, in an application that may wait. */
  balanced: { callTimeoutMs: 300_000, streamTimeoutMs: 900_000, queueTimeoutMs: 10_000 },
  /** Somebody waits at a screen: rather an error than a delay. */
  strict: { callTimeoutMs: 60_000, streamTimeoutMs: 300_000, queueTimeoutMs: 5_000 },
  /** Models that load, programmers that think. */
  development: { callTimeoutMs: 900_000, streamTimeoutMs: 3_600_000, queueTimeoutMs: 60_000 },
  /** Nobody waits. */
  batch: {
    callTimeoutMs: 3_600_000,
    streamTimeoutMs: Number.POSITIVE_INFINITY,
    queueTimeoutMs: 300_000,
  },
} as const satisfies Record<string, PresetTimeouts>;

export type Preset = keyof typeof presets;

import { callLatency, callRate } from "../call-samples.ts";
import type { Entry } from "../contestant.ts";
import type { Measurement } from "../measurement.ts";
import {
  openNodeProcess,
  openNodeStarts,
  openOneAfterAnother,
  openPythonProcess,
  openPythonStarts,
} from "../our-processes.ts";
import { openBareSpawn } from "../peers/bare-spawn.ts";
import { openPythonShellStarts } from "../peers/python-shell.ts";
import { idleMemory, janitorMemory, startTime } from "../worker-samples.ts";
import { pythonia, pythonShell } from "./peers.ts";

const linePrograms: readonly Entry[] = [
  { name: "ours", open: openPythonProcess },
  { name: "node-worker", open: openNodeProcess },
  pythonShell,
  pythonia,
];

/** The pool with processes that speak lines of JSON. */
export const processes: readonly Measurement[] = [
  {
    title: "JSON lines to 1 Python process without dependencies, 256 in flight",
    rows: [{ name: "process-adapter", value: "rate", unit: "calls/s", better: "higher" }],
    entries: linePrograms,
    isDetail: true,
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  {
    title: "the same, one call at a time",
    rows: [
      { name: "process-adapter-p50", value: "p50", unit: "µs", better: "lower" },
      { name: "process-adapter-p99", value: "p99", unit: "µs", better: "lower" },
    ],
    entries: linePrograms,
    isDetail: true,
    sample: callLatency,
  },
  {
    title: "16 Node workers, from nothing until all are ready",
    rows: [{ name: "start-16-processes", value: "elapsed", unit: "ms", better: "lower" }],
    entries: [
      { name: "ours", open: openNodeStarts },
      { name: "one-after-another", open: openOneAfterAnother },
      { name: "bare-spawn", open: openBareSpawn },
    ],
    kind: "once",
    isDetail: true,
    sample: (contestant) => startTime(contestant, 16),
  },
  {
    title: "8 idle Node workers, each",
    rows: [
      { name: "memory-idle-worker", value: "worker", unit: "MiB", better: "lower" },
      { name: "memory-idle-worker-host", value: "host", unit: "KiB", better: "lower" },
    ],
    entries: [
      { name: "ours", open: openNodeStarts },
      { name: "bare-spawn", open: openBareSpawn },
      { name: "python-worker", open: openPythonStarts },
      { name: "python-shell", open: openPythonShellStarts },
    ],
    kind: "once",
    isDetail: true,
    sample: (contestant) => idleMemory(contestant, 8),
  },
  {
    title: "the janitor, one for all workers of a host",
    rows: [{ name: "memory-janitor", value: "size", unit: "KiB", better: "lower" }],
    entries: [{ name: "ours", open: openNodeStarts }],
    kind: "once",
    isDetail: true,
    sample: janitorMemory,
  },
];

import type { Measurement } from "../measurement.ts";
import { openDspyOneAfterAnother, openDspyStarts } from "../our-starts.ts";
import { startTimeAndMemory } from "../worker-samples.ts";

const WORKERS = 16;

export const starts: readonly Measurement[] = [
  {
    title: `${WORKERS} Python workers with DSPy imported, from nothing until all are ready`,
    rows: [
      {
        name: "start-16",
        value: "elapsed",
        unit: "ms",
        better: "lower",
        claim: "13 × faster than one after another",
        targets: [{ peer: "one-after-another", atLeast: 13 }],
      },
      {
        name: "memory-start-16",
        value: "worker",
        unit: "MB",
        better: "lower",
        targets: [{ atMost: 15 }],
      },
    ],
    entries: [
      { name: "ours", open: openDspyStarts },
      { name: "one-after-another", open: openDspyOneAfterAnother },
    ],
    kind: "once",
    sample: (contestant) => startTimeAndMemory(contestant, WORKERS),
  },
];

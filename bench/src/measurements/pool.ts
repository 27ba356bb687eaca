import { callRate } from "../call-samples.ts";
import type { Entry } from "../contestant.ts";
import type { Measurement } from "../measurement.ts";
import { openSessionsAlone } from "../our-sessions.ts";
import { openPoolAlone } from "../ours.ts";
import { openPiscina } from "../peers/piscina.ts";
import { openPromiseLoop } from "../peers/promise-loop.ts";
import type { Target } from "../targets.ts";

const isNewNode = Number(process.versions.node.split(".")[0]) >= 24;

export const poolAlone: readonly Measurement[] = [
  alone({
    name: "pool-alone",
    title: "the pool without processes, 256 in flight, a deadline on each call",
    open: () => openPoolAlone(),
    target: { atLeast: isNewNode ? 1_000_000 : 500_000 },
    peers: [
      { name: "promise-loop", open: openPromiseLoop },
      { name: "piscina", open: openPiscina },
    ],
  }),
];

export const poolDetails: readonly Measurement[] = [
  {
    ...alone({
      name: "session-calls-alone",
      title: "the same, each call in one of 64 sessions",
      open: openSessionsAlone,
      target: { peer: "no-session", atLeast: 0.8 },
      peers: [{ name: "no-session", open: () => openPoolAlone("no-session") }],
    }),
    isDetail: true,
  },
  {
    ...alone({
      name: "telemetry",
      title: "the same with and without telemetry",
      open: () => openPoolAlone(),
      target: { peer: "telemetry-off", atLeast: 0.9 },
      peers: [{ name: "telemetry-off", open: () => openPoolAlone("telemetry-off", false) }],
    }),
    isDetail: true,
  },
];

interface Alone {
  readonly name: string;
  readonly title: string;
  readonly open: Entry["open"];
  readonly target: Target;
  readonly peers: readonly Entry[];
}

function alone({ name, title, open, target, peers }: Alone): Measurement {
  return {
    title,
    rows: [{ name, value: "rate", unit: "calls/s", better: "higher", targets: [target] }],
    entries: [{ name: "ours", open }, ...peers],
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  };
}

import type { Measurement } from "./measurement.ts";
import { arrays, messages } from "./measurements/big-and-small.ts";
import { calls } from "./measurements/calls.ts";
import { connections } from "./measurements/connections.ts";
import { poolAlone, poolDetails } from "./measurements/pool.ts";
import { processes } from "./measurements/processes.ts";
import { queues } from "./measurements/queues.ts";
import { starts } from "./measurements/starts.ts";
import { stores } from "./measurements/stores.ts";
import { streams } from "./measurements/streams.ts";

/** In the order in which they run and are shown. */
export const measurements: readonly Measurement[] = [
  ...calls,
  ...connections,
  ...messages,
  ...streams,
  ...arrays,
  ...starts,
  ...poolAlone,
  ...poolDetails,
  ...stores,
  ...processes,
  ...queues,
];

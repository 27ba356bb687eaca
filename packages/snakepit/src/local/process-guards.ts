import { type JanitorStatus, janitorStatus } from "./janitor.ts";
import { parentDeathSignal } from "./parent-death.ts";
import { type RegistryStatus, registryStatus } from "./run-registry.ts";

/** What ends the workers on this machine if this program dies, whatever of (docs/processes.md). */
export interface ProcessGuards {
  readonly janitor: JanitorStatus;
  /** "setpriv": the kernel kills each worker with its host. Linux, where util-linux is installed. */
  readonly parentDeathSignal: "setpriv" | "unavailable";
  /** Where the next start looks for what is left. */
  readonly registry: RegistryStatus;
}

/** As things are now; each first start of a worker may change them. */
export function processGuards(): ProcessGuards {
  return {
    janitor: janitorStatus(),
    parentDeathSignal: parentDeathSignal(),
    registry: registryStatus(),
  };
}

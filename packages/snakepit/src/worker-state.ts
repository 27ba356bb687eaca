import type { Connection } from "./adapter.ts";
import type { StopReason } from "./events.ts";
import type { WorkerProcess } from "./launcher.ts";

export type WorkerState =
  | { readonly phase: "starting"; readonly abort: AbortController }
  | { readonly phase: "ready"; readonly process: WorkerProcess; readonly connection: Connection }
  /** It takes no new calls until it is heard again, or is back. */
  | {
      readonly phase: "suspect";
      readonly process: WorkerProcess;
      readonly connection: Connection;
      readonly because: "silent" | "unreachable";
    }
  | {
      readonly phase: "draining";
      readonly process: WorkerProcess;
      readonly connection: Connection;
      readonly reason: StopReason;
    }
  | { readonly phase: "stopped"; readonly reason: StopReason };

export type SuspectCause = Extract<WorkerState, { phase: "suspect" }>["because"];

export type WorkerPhase = WorkerState["phase"];

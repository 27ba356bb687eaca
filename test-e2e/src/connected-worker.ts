import type { CallContext, CallSession, Connection, ConnectOptions } from "snakepit";
import { onTestFinished } from "vitest";
import { PythonAdapter } from "../../packages/grpc-bridge/src/python-adapter.ts";
import { pythonFolder } from "./workspace.ts";

export interface WorkerSetup {
  readonly transport?: "socket" | "grpc";
  readonly concurrency?: number;
  readonly telemetry?: ConnectOptions["telemetry"];
}

/** Real workers without a pool: what one connection does, nobody makes up for. */
export async function connectedWorkers(
  count: number,
  { transport = "socket", concurrency = 64, telemetry = () => {} }: WorkerSetup = {},
): Promise<Connection[]> {
  const { signal } = new AbortController();
  const python = { preload: ["e2e_commands"], path: [pythonFolder], concurrency };
  const adapter = new PythonAdapter(python, transport);
  onTestFinished(() => adapter.close());
  await adapter.open({ signal });
  const launcher = adapter.launcher;
  if (launcher === undefined) throw new Error("workers are forked unless somebody says otherwise");
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const workerId = `w${index + 1}`;
      const child = await launcher.launch(adapter.spec(), { workerId, signal });
      onTestFinished(async () => void (await child.stop({ graceMs: 0 })));
      return adapter.connect(child, { signal, log: () => {}, telemetry });
    }),
  );
}

/** What a pool hands to a connection with each call. */
export function callContext(session?: CallSession): CallContext {
  return {
    callId: "call",
    deadlineMs: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    session,
    onCancel: () => {},
    callHost: async (work) => work(),
  };
}

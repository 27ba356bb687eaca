import type { Message, TracedFrame } from "../inspect/protocol.ts";
import { ended } from "./client.ts";
import { applicationOf, type CommandOptions, withApplications } from "./command.ts";
import { applicationOfWorker } from "./find-worker.ts";
import { bytes } from "./measures.ts";
import { clean, type Output } from "./output.ts";

interface TraceOptions extends CommandOptions {
  readonly worker: string;
  readonly values: boolean;
}

/** The frames of one worker as they pass, until it ends or the command is interrupted. */
export async function trace(options: TraceOptions): Promise<void> {
  const { output, worker, values, ...choice } = options;
  await withApplications(choice, async (chosen) => {
    const attached = await applicationOfWorker(chosen, worker);
    const { client } = attached;
    let end!: (sentence: string | undefined) => void;
    const ending = new Promise<string | undefined>((resolve) => {
      end = resolve;
    });
    const traced = await client.ask("trace", { worker, values }, (message) => {
      if ("ended" in message) end(message.ended);
      else write(output, message);
    });
    void client.closed.then(() => end(undefined));
    const { pool, pid } = traced;
    if (output.isJson) output.jsonLine({ application: applicationOf(attached), ...traced });
    else output.line(output.bold(`worker ${traced.worker}, pid ${pid}, of pool ${clean(pool)}`));
    const why = await ending;
    if (why === undefined) throw ended();
    if (output.isJson) output.jsonLine({ ended: why });
    else output.line(why);
  });
}

function write(output: Output, message: Message): void {
  if (!("frames" in message)) return;
  const { frames, dropped } = message;
  if (output.isJson) {
    for (const frame of frames) output.jsonLine(frame);
    if (dropped > 0) output.jsonLine({ dropped });
    return;
  }
  for (const frame of frames) output.line(frameLine(frame));
  if (dropped > 0) output.line(`… ${dropped} frames were dropped: too many to show`);
}

/** `12:04:05.123  ->  call    #7   add   42 B  {"a":1}` */
function frameLine({
  atMs,
  direction,
  kind,
  id,
  command,
  bytes: size,
  value,
}: TracedFrame): string {
  const time = new Date(atMs).toISOString().slice(11, 23);
  const parts = [
    time,
    direction === "to-worker" ? "->" : "<-",
    kind.padEnd(15),
    (id === undefined ? "" : `#${id}`).padEnd(6),
    (command ?? "").padEnd(20),
    bytes(size).text.padStart(9),
    value ?? "",
  ];
  return clean(parts.join("  ")).trimEnd();
}

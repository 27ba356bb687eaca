import type { TraceFrame } from "../adapter.ts";
import type { Carried, Message, Payload } from "./framing.ts";

/** The calls that wait for an answer, by their ids. */
interface Asked {
  get(id: string): { readonly kind: string; readonly command?: string } | undefined;
}

export function sentFrame(
  message: Message,
  carried: Carried | undefined,
  payload: Payload,
): TraceFrame {
  const { command, stream, type } = message;
  const isCall = typeof command === "string";
  return {
    direction: "to-worker",
    kind: isCall ? (stream === true ? "stream" : "call") : String(type),
    id: idOf(message),
    command: isCall ? command : undefined,
    bytes: typeof payload === "string" ? Buffer.byteLength(payload) : payload.length,
    value: carried?.value,
  };
}

export function receivedFrame(message: Message, bytes: number, asked: Asked): TraceFrame {
  const id = idOf(message);
  return {
    direction: "to-host",
    kind: kindOf(message),
    id,
    command: id === undefined ? undefined : asked.get(id)?.command,
    bytes,
    value: carriedBy(message),
  };
}

function kindOf(message: Message): string {
  if (typeof message["type"] === "string") return message["type"];
  if ("chunk" in message) return "chunk";
  if (message["is_final"] === true) return "end";
  if (typeof message["success"] !== "boolean") return "unknown";
  return message["success"] ? "result" : "error";
}

function carriedBy({
  request_id: _,
  type: _type,
  success: _success,
  is_final: _isFinal,
  ...rest
}: Message): unknown {
  const values = Object.values(rest);
  return values.length > 1 ? rest : values[0];
}

function idOf({ request_id: id }: Message): string | undefined {
  return typeof id === "string" || typeof id === "number" ? String(id) : undefined;
}

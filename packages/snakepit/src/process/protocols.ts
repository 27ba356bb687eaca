import { type Kind, oneOf } from "../check-options.ts";
import type { Framing } from "./framing.ts";
import { jsonLines } from "./json-lines.ts";
import { jsonMessages } from "./json-messages.ts";
import { loadMessagePack } from "./message-pack.ts";
import { packets } from "./packets.ts";

/** Where one message ends: at the end of a line, or after as many bytes as four in front say. */
export type Protocol = "json-lines" | "packets";
/** What a packet holds. MessagePack needs the package `@msgpack/msgpack`. */
export type PacketCodec = "json" | "msgpack";

export interface ProtocolOptions {
  readonly protocol: Protocol;
  /** Of packets; lines are always JSON. Default: "json". */
  readonly codec?: PacketCodec;
}

export const protocolKinds: Readonly<Record<keyof ProtocolOptions, Kind>> = {
  protocol: oneOf("json-lines", "packets"),
  codec: oneOf("json", "msgpack"),
};

/** What `protocolKinds` cannot see: options that contradict each other. */
export function checkProtocol({ protocol, codec }: Partial<ProtocolOptions>): string[] {
  if (protocol !== "json-lines" || codec === undefined) return [];
  return ['codec is for protocol "packets"; lines are always JSON'];
}

/** @throws SnakepitError UNSUPPORTED when a package that it needs is not installed */
export async function framingFor({ protocol, codec = "json" }: ProtocolOptions): Promise<Framing> {
  if (protocol === "json-lines") return jsonLines;
  return packets(codec === "json" ? jsonMessages : await loadMessagePack());
}

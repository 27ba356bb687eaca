export { Channel, type ChannelOptions } from "./channel.ts";
export type { BatchEncoder, BigRecord, Codec, EncoderOptions, PartSource } from "./codec.ts";
export { jsonCodec } from "./json-codec.ts";
export type { Lease } from "./lease.ts";
export type { PartFrame, PartHeader } from "./part-frame.ts";
export { DEFAULT_MAX_VALUE_BYTES, PART_BYTES, SMALLEST_PART_BYTES } from "./part-limits.ts";
export {
  type Arrival,
  HANDSHAKE_MS,
  type Hello,
  Reception,
  type ReceptionOptions,
  versionProblem,
} from "./reception.ts";
export {
  explain,
  isPlainArray,
  isPlainInstance,
  isPlainObject,
  isWellFormed,
  maxDepth,
  noKeyYet,
  type PathKey,
  pathTo,
  type Refusal,
  reentered,
  refusalOf,
  refusals,
  refused,
  tooLarge,
  valueTooLarge,
} from "./refusal.ts";
export { SocketListener, type SocketListenerOptions } from "./socket-listener.ts";
export type { Transport, TransportListener } from "./transport.ts";

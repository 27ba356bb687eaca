export { Channel, type ChannelOptions } from "./channel.ts";
export type { BatchEncoder, Codec, EncoderOptions } from "./codec.ts";
export { jsonCodec } from "./json-codec.ts";
export type { Lease } from "./lease.ts";
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
  isPlainObject,
  isWellFormed,
  maxDepth,
  type PathKey,
  type Refusal,
  reentered,
  refusalOf,
  refusals,
  refused,
  tooLarge,
} from "./refusal.ts";
export { SocketListener, type SocketListenerOptions } from "./socket-listener.ts";
export type { Transport, TransportListener } from "./transport.ts";

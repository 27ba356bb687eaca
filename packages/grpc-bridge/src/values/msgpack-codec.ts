import type { Codec } from "snakepit/wire";
import { type KeyCache, MessagePackDecoder } from "./msgpack-decoder.ts";
import { MessagePackEncoder } from "./msgpack-encoder.ts";

const keys: KeyCache = [];

/** The wire's own codec; why it is ours: `docs/decisions/2026-11-21-own-messagepack-codec.md`. */
export const messagePackCodec: Codec = {
  name: "msgpack",
  encoder: (options) => new MessagePackEncoder(options),
  decode: (document, parts) => new MessagePackDecoder(document, keys, parts).batch(),
};

import { isUtf8 } from "node:buffer";
import type { MessageCodec } from "./framing.ts";
import { toJson } from "./json-value.ts";

export const jsonMessages: MessageCodec = {
  encode(message, carried) {
    const head = JSON.stringify(message);
    if (carried === undefined) return head;
    const value = toJson(carried.value, carried.name);
    return `${head.slice(0, -1)},"${carried.name}":${value}}`;
  },
  batch: (messages) => `[${messages.join(",")}]`,
  decode(document) {
    // `toString` would replace what is no UTF-8, and the text would be another one.
    if (!isUtf8(document)) throw new SyntaxError("the bytes are no UTF-8");
    return JSON.parse(document.toString("utf8"));
  },
};

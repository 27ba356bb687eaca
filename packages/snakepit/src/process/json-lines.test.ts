import { describe, expect, test } from "vitest";
import type { Message } from "./framing.ts";
import { jsonLines, LineReader } from "./json-lines.ts";

const maxBytes = 1_000;

function reading(limit = maxBytes) {
  const messages: Message[] = [];
  const noise: string[] = [];
  const reader = new LineReader(
    { message: (message) => messages.push(message), noise: (text) => noise.push(text) },
    limit,
  );
  return { messages, noise, push: (text: string | Buffer) => reader.push(Buffer.from(text)) };
}

test("messages are the same however the bytes were cut", () => {
  const bytes = Buffer.from('{"a":"ü😀"}\r\n  {"b":1}\n[{"c":1},{"d":2}]\nnoise\n\n   \n{"e":3}\n');
  for (let size = 1; size <= bytes.length; size++) {
    const { messages, noise, push } = reading();
    for (let start = 0; start < bytes.length; start += size) {
      expect(push(bytes.subarray(start, start + size))).toBeUndefined();
    }
    expect(messages).toEqual([{ a: "ü😀" }, { b: 1 }, { c: 1 }, { d: 2 }, { e: 3 }]);
    expect(noise).toEqual(["noise"]);
  }
});

describe("what is no message is noise, and what follows is still read", () => {
  test.for<[string, string | Buffer, string]>([
    ["text", "hello", "hello"],
    ["a number", "42", "42"],
    ["broken JSON", '{"a":', '{"a":'],
    ["an empty array", "[]", "[]"],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), '{"\ufffd"}'],
  ])("%s", ([, line, text]) => {
    const { messages, noise, push } = reading();
    push(Buffer.concat([Buffer.from(line), Buffer.from('\n{"ok":1}\n')]));
    expect(noise).toEqual([text]);
    expect(messages).toEqual([{ ok: 1 }]);
  });

  test("an array with something else in it gives its messages and its noise", () => {
    const { messages, noise, push } = reading();
    push('[{"a":1},7,[{"b":2}],{"c":3}]\n');
    expect(messages).toEqual([{ a: 1 }, { c: 3 }]);
    expect(noise).toHaveLength(2);
  });
});

test("a line above the limit is the end, at its newline or before it", () => {
  const long = `{"a":"${"x".repeat(maxBytes)}"}`;
  for (const text of [`${long}\n`, long]) {
    expect(reading().push(text)).toBe(`wrote a line of more than ${maxBytes} bytes`);
  }
  const { push } = reading();
  expect(push(long.slice(0, 600))).toBeUndefined();
  expect(push(long.slice(600))).toBe(`wrote a line of more than ${maxBytes} bytes`);
});

test("text without end that cannot become a message is not kept", () => {
  const { messages, noise, push } = reading();
  const chunk = Buffer.alloc(64 * 1024, "x");
  for (let bytes = 0; bytes < 100_000_000; bytes += chunk.length) {
    expect(push(chunk)).toBeUndefined();
  }
  push('\n{"ok":1}\n');
  expect(noise).toEqual(["x".repeat(1024)]);
  expect(messages).toEqual([{ ok: 1 }]);
});

test("documents are written as lines", () => {
  const { codec, frame } = jsonLines;
  const one = codec.encode({ request_id: "1" }, { name: "args", value: { a: 1 } });
  const two = codec.encode({ request_id: "2", nothing: undefined });
  expect(frame([one, two])).toBe('{"request_id":"1","args":{"a":1}}\n{"request_id":"2"}\n');
  expect(frame([codec.batch([one, two])])).toBe(
    '[{"request_id":"1","args":{"a":1}},{"request_id":"2"}]\n',
  );
});

import { describe, expect, test } from "vitest";
import { OutputTail } from "./output-tail.ts";

function tail(limitBytes: number, ...chunks: readonly (string | number[])[]): string {
  const output = new OutputTail(limitBytes);
  for (const chunk of chunks) {
    output.push(typeof chunk === "string" ? Buffer.from(chunk) : Uint8Array.from(chunk));
  }
  return output.text();
}

describe("the last output", () => {
  test.for<[string, string[], string]>([
    ["nothing", [], ""],
    ["all of it while it fits", ["one\n", "two"], "one\ntwo"],
    ["all of it when it just fits", ["12345678", "90123456"], "1234567890123456"],
    ["complete lines when it does not", ["a long first line\n", "two\n", "three"], "two\nthree"],
    ["the end of a line that is longer than all", ["0123456789abcdefghij"], "456789abcdefghij"],
    ["the end of a line, also after its end", ["0123456789abcdefghi\n"], "456789abcdefghi\n"],
  ])("is %s", ([, chunks, text]) => {
    expect(tail(16, ...chunks)).toBe(text);
  });

  test("never begins inside a character", () => {
    expect(tail(5, "äääää")).toBe("ää");
    expect(tail(7, "😀😀😀")).toBe("😀");
  });

  test("has U+FFFD for NUL and for bytes that are no UTF-8", () => {
    expect(tail(16, [0xff, 0x41, 0x00, 0xc3, 0x0a])).toBe("\uFFFDA\uFFFD\uFFFD\n");
  });

  test("is the same however the output is cut into chunks", () => {
    const text = Array.from({ length: 40 }, (_, line) => `line ${line}\n`).join("");
    for (const size of [1, 3, 7, 16, 50, 1_000]) {
      const chunks = text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? [];
      expect(tail(20, ...chunks)).toBe("line 38\nline 39\n");
    }
  });

  test("can be asked for less", () => {
    const output = new OutputTail(16);
    output.push(Buffer.from("one\ntwo\nthree\n"));
    expect(output.text(8)).toBe("three\n");
    expect(output.text(0)).toBe("");
  });
});

import { readFileSync } from "node:fs";
import type { Problem } from "./problems.ts";

/** What one JUnit report says, vitest's or pytest's. */
export interface TestReport {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Problem[];
}

/**
 * Reads a report case by case. The totals at its top are not used: they leave out what failed
 * outside a test, which is a case of its own here.
 */
export function readReport(file: string): TestReport {
  const text = readFileSync(file, "utf8");
  const cases = [...text.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)];
  const failures: Problem[] = [];
  let skipped = 0;
  for (const [, attributes = "", body = ""] of cases) {
    const problem = /<(?:failure|error)\b([^>]*)>/.exec(body)?.[1];
    if (problem !== undefined) {
      const where = [attribute(attributes, "classname"), attribute(attributes, "name")];
      const [why = ""] = attribute(problem, "message").trim().split("\n");
      const title = `${where.filter((part) => part !== "").join(" > ")}: ${why}`;
      failures.push({ title, text: textOf(body) });
    } else if (/<skipped\b/.test(body)) {
      skipped += 1;
    }
  }
  return { passed: cases.length - failures.length - skipped, skipped, failures };
}

function attribute(text: string, name: string): string {
  return unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? "");
}

/** What stands between the tags. */
function textOf(body: string): string {
  const pieces = body.split(/<!\[CDATA\[([\s\S]*?)\]\]>/);
  return pieces
    .map((piece, i) => (i % 2 === 1 ? piece : unescaped(piece.replace(/<[^>]*>/g, ""))))
    .join("")
    .trim();
}

function unescaped(text: string): string {
  return text
    .replace(/&#(x?)([0-9a-f]+);/gi, (_, hex: string, digits: string) =>
      String.fromCodePoint(Number.parseInt(digits, hex ? 16 : 10)),
    )
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}

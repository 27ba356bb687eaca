import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../README.md", import.meta.url));
const end = "<!-- end -->";

/** Puts `text` between the marks of that part of the README, in place of what was seen before. */
export function saveSeen(part: "promises" | "details", text: string): void {
  const begin = `<!-- ${part}, written by ./run bench --save -->`;
  const readme = readFileSync(file, "utf8");
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${file} lacks the lines "${begin}" and "${end}"`);
  writeFileSync(file, `${readme.slice(0, from)}${begin}\n${text}\n${readme.slice(to)}`);
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readReport } from "../../scripts/junit.ts";
import { described } from "../../scripts/problems.ts";

function report(text: string) {
  const folder = mkdtempSync(join(tmpdir(), "snakepit-report-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "junit.xml");
  writeFileSync(file, `<?xml version="1.0" encoding="UTF-8"?>\n${text}`);
  return readReport(file);
}

test("each test of a vitest report counts once, and a failure says what and why", () => {
  const found = report(`<testsuites name="vitest tests" tests="3" failures="1" errors="0">
  <testsuite name="src/a.test.ts" tests="3" failures="1" errors="0" skipped="1">
    <testcase classname="src/a.test.ts" name="adds" time="0.01"></testcase>
    <testcase classname="src/a.test.ts" name="says &quot;a &gt; b&quot;" time="0.01">
      <failure message="expected 1 to be 2 &#47;&#47; Object.is&#10;more" type="AssertionError">
        <![CDATA[at <testcase>]]>
      </failure>
    </testcase>
    <testcase classname="src/a.test.ts" name="waits" time="0"><skipped/></testcase>
  </testsuite>
</testsuites>`);
  expect(found).toEqual({
    passed: 1,
    skipped: 1,
    failures: [
      {
        title: 'src/a.test.ts > says "a > b": expected 1 to be 2 // Object.is',
        text: "at <testcase>",
      },
    ],
  });
});

test("a pytest file that cannot be imported is a failure, as is an error outside a test", () => {
  const found = report(`<testsuites><testsuite name="pytest" errors="2" failures="0" tests="3">
<testcase classname="" name="tests.test_a" time="0.0"><error message="collection failure">E</error></testcase>
<testcase classname="tests.test_b" name="test_ends" time="0.1"><error message="failed on teardown">E &amp;</error><system-err>
hung up</system-err></testcase>
<testcase classname="tests.test_b" name="test_works" time="0.1" />
</testsuite></testsuites>`);
  expect(found).toEqual({
    passed: 1,
    skipped: 0,
    failures: [
      { title: "tests.test_a: collection failure", text: "E" },
      { title: "tests.test_b > test_ends: failed on teardown", text: "E &\nhung up" },
    ],
  });
});

test("the end of a run tells of each failure what there is to read, and all their names", () => {
  const long = Array.from({ length: 50 }, (_, n) => `line ${n}`).join("\n");
  const told = described([
    { title: "a > adds: expected 1 to be 2", text: "at a.test.ts:7\nhung up" },
    { title: "knip (see above)", text: "" },
    { title: "b", text: long },
  ]);
  expect(told).toContain("✗ a > adds: expected 1 to be 2\n    at a.test.ts:7\n    hung up\n");
  expect(told).toContain("    line 39\n    … 10 more lines\n");
  expect(told.split("Failed:\n")[1]).toBe(
    "  ✗ a > adds: expected 1 to be 2\n  ✗ knip (see above)\n  ✗ b",
  );
});

test("of very many failures the end of a run shows ten, and names all", () => {
  const problems = Array.from({ length: 30 }, (_, n) => ({ title: `t${n}`, text: `why ${n}` }));
  const told = described(problems);
  expect(told.match(/why/g)).toHaveLength(10);
  expect(told).toContain("  ✗ t29");
});

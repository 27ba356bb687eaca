import { expect, test } from "vitest";
import { made, temporaryFolder, testBridge } from "./workspace.ts";

const keeping = () =>
  testBridge({ python: { unknownObjects: "ref" }, maxValueBytes: 64 * 2 ** 20 });

test("a session's end lets go of its objects, however large the answer was that they came in", async () => {
  const bridge = await keeping();
  const answers = [
    { size: 1_000, binary: true },
    { size: 300_000, binary: true },
    { size: 2_000_000, binary: true },
    { size: 400_000, binary: false },
  ];
  for (const args of answers) {
    const session = bridge.session();
    await session.execute("e2e.kept_beside", args);
    expect(await bridge.execute("e2e.objects_kept"), JSON.stringify(args)).toBe(1);
    await session.delete();
    await expect.poll(() => bridge.execute("e2e.objects_kept")).toBe(0);
  }
});

test("an answer that is refused for its size keeps no objects", async () => {
  const bridge = await keeping();
  for (const args of [
    { size: 65 * 2 ** 20, binary: false },
    { size: 65 * 2 ** 20, binary: true },
  ])
    await expect(bridge.execute("e2e.kept_beside", args)).rejects.toMatchObject({
      code: "VALUE_TOO_LARGE",
    });
  expect(await bridge.execute("e2e.objects_kept")).toBe(0);
});

test.each(["e2e.kept_late", "e2e.kept_late_async"])(
  "an answer of %s that comes when its caller has gone keeps no objects",
  async (command) => {
    const bridge = await keeping();
    const gone = new AbortController();
    const mark = `${temporaryFolder()}/mark`;
    const call = bridge.execute(command, { mark }, { signal: gone.signal });
    await made(mark);
    gone.abort(new Error("gone"));
    await expect(call).rejects.toThrow("gone");
    await expect.poll(() => bridge.pool.stats().running).toBe(0);
    expect(await bridge.execute("e2e.objects_kept")).toBe(0);
  },
);

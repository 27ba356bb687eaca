import { describe, expect, it, vi } from "vitest";
import { delay, startTimer } from "./timer.ts";

describe("startTimer", () => {
  it("fires a delay of nothing without asking Node for a negative one", async () => {
    const setTimer = vi.spyOn(globalThis, "setTimeout");
    try {
      await delay(0);
      const delays = setTimer.mock.calls.map(([, ms]) => ms);
      expect(delays).toEqual([0]);
    } finally {
      setTimer.mockRestore();
    }
  });

  it("waits out a delay beyond Node's longest in steps", () => {
    vi.useFakeTimers();
    try {
      const expire = vi.fn();
      startTimer(2 ** 31 + 1_000, expire);
      vi.advanceTimersByTime(2 ** 31);
      expect(expire).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1_000);
      expect(expire).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  it("arms nothing for Infinity, and may be disposed of all the same", () => {
    const setTimer = vi.spyOn(globalThis, "setTimeout");
    try {
      startTimer(Number.POSITIVE_INFINITY, () => {})[Symbol.dispose]();
      expect(setTimer).not.toHaveBeenCalled();
    } finally {
      setTimer.mockRestore();
    }
  });
});

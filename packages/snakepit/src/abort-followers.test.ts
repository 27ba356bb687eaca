import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { type Follower, follow, unfollow } from "./abort-followers.ts";

function followers(count: number, heard: number[]): Follower[] {
  return Array.from({ length: count }, (_, n) => ({ abortedBy: () => void heard.push(n) }));
}

test("a signal has one listener however many follow it, and each of them hears once", () => {
  const cancel = new AbortController();
  const heard: number[] = [];
  for (const one of followers(1_000, heard)) follow(cancel.signal, one);
  expect(getEventListeners(cancel.signal, "abort")).toHaveLength(1);
  cancel.abort();
  expect(heard).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
});

test("who has left hears nothing, also when the signal is followed again", () => {
  const cancel = new AbortController();
  const heard: number[] = [];
  const [first, second] = followers(2, heard) as [Follower, Follower];
  follow(cancel.signal, first);
  unfollow(cancel.signal, first);
  follow(cancel.signal, second);
  expect(getEventListeners(cancel.signal, "abort")).toHaveLength(1);
  cancel.abort();
  expect(heard).toEqual([1]);
});

test("who leaves while the signal fires is not told any more", () => {
  const cancel = new AbortController();
  const heard: string[] = [];
  const other: Follower = { abortedBy: () => void heard.push("other") };
  const first: Follower = {
    abortedBy: (signal) => {
      heard.push(String(signal.reason));
      unfollow(signal, other); // as when the end of one call ends another
    },
  };
  follow(cancel.signal, first);
  follow(cancel.signal, other);
  cancel.abort("over");
  expect(heard).toEqual(["over"]);
});

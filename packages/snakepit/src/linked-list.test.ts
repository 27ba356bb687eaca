import { expect, test } from "vitest";
import { type Linked, LinkedList } from "./linked-list.ts";

class Call implements Linked<Call> {
  list: object | undefined = undefined;
  next: Call | undefined = undefined;
  previous: Call | undefined = undefined;
}
const calls = (count: number) => Array.from({ length: count }, () => new Call());

test("calls leave in the order in which they came", () => {
  const list = new LinkedList<Call>();
  const all = calls(3);
  for (const call of all) list.push(call);
  expect([...list]).toEqual(all);
  expect(list.drain()).toEqual(all);
  expect(list.size).toBe(0);
  expect(list.first).toBeUndefined();
});

test.each([0, 1, 2, 3])("call %i of four leaves without disturbing the others", (index) => {
  const list = new LinkedList<Call>();
  const all = calls(4);
  for (const call of all) list.push(call);
  const leaving = all[index] as Call;
  expect(list.delete(leaving)).toBe(true);
  expect(list.delete(leaving)).toBe(false);
  expect([...list]).toEqual(all.filter((call) => call !== leaving));
  expect(leaving).toMatchObject({ next: undefined, previous: undefined, list: undefined });
  list.push(leaving);
  expect([...list].at(-1)).toBe(leaving);
});

test("a call of another list is not taken", () => {
  const [one, two] = [new LinkedList<Call>(), new LinkedList<Call>()];
  const [call] = calls(1) as [Call];
  one.push(call);
  expect(two.delete(call)).toBe(false);
  expect(one.size).toBe(1);
});

test("a call may go back in front of those that came later", () => {
  const list = new LinkedList<Call>();
  const [first, second, third] = calls(3) as [Call, Call, Call];
  list.unshift(second);
  list.unshift(first);
  list.push(third);
  expect([...list]).toEqual([first, second, third]);
  expect(list.delete(first)).toBe(true);
  expect(list.first).toBe(second);
  expect(second.previous).toBeUndefined();
});

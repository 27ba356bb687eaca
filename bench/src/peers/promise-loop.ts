import type { Contestant } from "../contestant.ts";

/** No pool and no worker: what the load itself costs, a promise and an addition for each call. */
export async function openPromiseLoop(): Promise<Contestant> {
  return {
    name: "promise-loop",
    add: async (a, b) => a + b,
    [Symbol.asyncDispose]: async () => {},
  };
}

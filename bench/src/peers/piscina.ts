import type { Contestant } from "../contestant.ts";

/** `piscina` with one thread: what a call to another thread costs when Python is not involved. */
export async function openPiscina(): Promise<Contestant> {
  const { Piscina } = await import("piscina");
  const pool = new Piscina({
    filename: new URL("../../workers/piscina-worker.mjs", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
  });
  return {
    name: "piscina",
    add: (a, b) => pool.run({ a, b }),
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

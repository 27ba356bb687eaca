// A script without a close, with the published code: it makes its calls and falls off its end. The
// first argument says where: in the main thread or in a second one.
import { isMainThread, Worker } from "node:worker_threads";
import { createPool } from "snakepit";
import { nodeAdapter } from "snakepit/process";

if (isMainThread && process.argv[2] === "thread") {
  new Worker(new URL(import.meta.url));
} else {
  const adapter = nodeAdapter({ script: new URL("small-worker.mjs", import.meta.url) });
  const pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  let sum = 0;
  for await (const n of pool.stream("count", { to: 10 })) sum += n;
  pool.execute("add", { a: 0, b: 0 }).catch(() => {}); // nobody awaits it
  const pids = pool.workers().map(({ pid }) => pid);
  console.log(JSON.stringify({ sum, answer: await pool.execute("add", { a: 40, b: 2 }), pids }));
}

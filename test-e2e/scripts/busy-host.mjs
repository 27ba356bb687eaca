// Keeps workers idle, busy and streaming, and a grandchild in a session of its own; prints all pids.
import { createBridge } from "snakepit-grpc-bridge";

const [path] = process.argv.slice(2);
const bridge = await createBridge({
  minWorkers: 3,
  maxWorkers: 3,
  python: { preload: ["e2e_commands"], path: [path], concurrency: 1 },
});
const grandchild = await bridge.execute("e2e.grandchild");
const forkServer = await bridge.python.call("os.getppid");
const busy = bridge.execute("e2e.deaf", { seconds: 300 });
const stream = bridge.stream("e2e.count", { n: 100_000_000 });
await stream.next();
const workers = bridge.pool.workers().map(({ pid }) => pid);
console.log(JSON.stringify([...workers, grandchild, forkServer]));
await busy;

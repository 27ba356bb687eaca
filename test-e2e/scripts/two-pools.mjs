// Awaits one call and a restart, with pools of two environments, and closes nothing.
import { createBridge } from "snakepit-grpc-bridge";

const bridge = await createBridge({
  maxWorkers: 1,
  pools: { one: {}, two: { python: { threads: 2 } } },
});
console.log(await bridge.python.call("math.sqrt", [16]));
console.log((await bridge.restart()).replaced.length);

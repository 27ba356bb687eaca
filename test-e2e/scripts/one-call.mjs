// Awaits one call and falls off its end, without closing anything.
import { createBridge } from "snakepit-grpc-bridge";

const bridge = await createBridge({ transport: process.argv[2] ?? "socket" });
console.log(await bridge.python.call("math.sqrt", [16]));

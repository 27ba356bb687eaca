import { debuglog } from "node:util";
import { InspectorSocket } from "./inspector-socket.ts";
import { type PoolParts, PoolView } from "./pool-view.ts";

/** Shown with NODE_DEBUG=snakepit: an application must not fail, or chatter, for want of a socket. */
const debug = debuglog("snakepit");

/** Set to `0`, no application that this environment is given to can be looked at. */
const SWITCH = "SNAKEPIT_INSPECT";

const pools = new Set<PoolView>();
let socket: InspectorSocket | undefined;
let isOpening = false;

/** The pool can be looked at from outside until what is returned is disposed of. Never throws. */
export function inspect(parts: PoolParts): Disposable | undefined {
  if (!parts.options.inspect || process.env[SWITCH] === "0") return undefined;
  const pool = new PoolView(parts);
  pools.add(pool);
  if (socket === undefined && !isOpening) void open();
  return {
    [Symbol.dispose]: () => {
      pools.delete(pool);
      if (pools.size === 0) close();
    },
  };
}

async function open(): Promise<void> {
  isOpening = true;
  try {
    socket = await InspectorSocket.open(pools);
  } catch (error) {
    debug("this application cannot be looked at: %s", error);
  }
  isOpening = false;
  if (pools.size === 0) close();
}

function close(): void {
  socket?.[Symbol.dispose]();
  socket = undefined;
}

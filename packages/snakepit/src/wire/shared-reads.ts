import { Socket, type SocketConstructorOpts } from "node:net";

/**
 * For the reads of all connections of this thread: Node hands each over before it begins another.
 * Measured for 64 MiB into one array: 100 ms of processor time with the fresh memory that Node takes
 * for each read, 77 with 64 KiB of ours, 72 with 256 KiB, which is more than a Unix socket holds.
 * Read straight to their place they took 61; but Node keeps the last place with the socket, and the
 * stack of an error can keep the socket.
 */
const memory = Buffer.allocUnsafeSlow(256 * 1024);

/** What Node keeps in a socket, and takes in its options, without saying so in its documentation. */
interface WithHandle {
  _handle?: object | null;
}

interface HandleOptions extends SocketConstructorOpts {
  readonly handle: object;
  /** Do not read before `resume`. */
  readonly pauseOnCreate: true;
}

/**
 * The connection of an accepted socket as one that reads into memory of ours, paused; nothing of it
 * may be used over the accepted one any more. `received` gets a chunk that lasts as long as its call.
 * A socket that dials can be told so (`onread`), one that was accepted cannot, so its handle changes
 * hands. A Node that did not know `onread` here would emit `data` as ever, so listen to that too.
 * Undefined for a socket without a handle, which stays as it is.
 */
export function withSharedReads(
  accepted: Socket,
  received: (chunk: Buffer) => void,
): Socket | undefined {
  const { _handle: handle } = accepted as WithHandle;
  if (handle === undefined || handle === null || accepted.destroyed) return undefined;
  const options: HandleOptions = {
    handle,
    pauseOnCreate: true,
    onread: {
      buffer: memory,
      callback: (bytes) => {
        received(memory.subarray(0, bytes));
        return true;
      },
    },
  };
  const socket = new Socket(options);
  (accepted as WithHandle)._handle = null;
  accepted.destroy(); // or its server would wait for it
  return socket;
}

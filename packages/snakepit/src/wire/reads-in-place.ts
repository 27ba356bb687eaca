import { Socket, type SocketConstructorOpts } from "node:net";

/** Where the bytes of a connection go. */
export interface ReadTarget {
  /** Memory for the next read; not empty, and nobody else's until `filled`. */
  place(): Uint8Array;
  /** So many bytes have come into the place that was given last. */
  filled(bytes: number): void;
}

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
 * may be used over the accepted one any more. Node gives each read fresh memory of 64 KiB, which for
 * 64 MiB costs half as much again as the reading itself (measured: 101 ms of processor time, 61 in
 * place). A socket that dials can be told otherwise (`onread`), one that was accepted cannot, so its
 * handle changes hands. A Node that did not know `onread` here would emit `data` as ever, so listen to
 * that too. Undefined for a socket without a handle, which stays as it is.
 */
export function readsInPlace(accepted: Socket, target: ReadTarget): Socket | undefined {
  const { _handle: handle } = accepted as WithHandle;
  if (handle === undefined || handle === null || accepted.destroyed) return undefined;
  const options: HandleOptions = {
    handle,
    pauseOnCreate: true,
    onread: {
      buffer: () => target.place(), // asked for the first time before there is a socket
      callback: (bytes) => {
        target.filled(bytes);
        return true;
      },
    },
  };
  const socket = new Socket(options);
  (accepted as WithHandle)._handle = null;
  accepted.destroy(); // or its server would wait for it
  return socket;
}

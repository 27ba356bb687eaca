import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { Contestant } from "./contestant.ts";
import { openOurs } from "./ours.ts";
import { openShell, shellContestant } from "./peers/python-shell.ts";

const CONNECTIONS = "net.server.socket";

/** What counts the bytes: a socket, or the handle that it has from Node. */
type Counter = Pick<Socket, "bytesRead" | "bytesWritten">;

/**
 * The bridge, and the connections that its workers make to it: Node tells of each one. Their handles
 * count, because the bridge gives them to sockets of its own.
 */
export async function openOursCounted(): Promise<Contestant> {
  const handles: Counter[] = [];
  const listener = (message: unknown) => {
    handles.push((message as { socket: { _handle: Counter } }).socket._handle);
  };
  subscribe(CONNECTIONS, listener);
  try {
    const contestant = await openOurs();
    return { ...contestant, wireBytes: () => handles.reduce((sum, one) => sum + bytesOf(one), 0) };
  } finally {
    unsubscribe(CONNECTIONS, listener);
  }
}

/** JSON lines on the pipes of a process, without blanks in them. */
export async function openJsonLinesCounted(): Promise<Contestant> {
  const shell = await openShell();
  // They are sockets on Unix.
  const { stdin, stdout } = shell.childProcess as unknown as { stdin: Socket; stdout: Socket };
  return {
    ...shellContestant(shell),
    name: "json-lines",
    wireBytes: () => bytesOf(stdin) + bytesOf(stdout),
  };
}

function bytesOf({ bytesRead, bytesWritten }: Counter): number {
  return bytesRead + bytesWritten;
}

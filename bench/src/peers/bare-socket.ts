import { createServer, type Server, type Socket } from "node:net";
import type { Contestant } from "../contestant.ts";
import { startPython, stopPython, whenReady } from "../python-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { BareChannel, openCodec } from "./bare-channel.ts";

/** One process, batches on a Unix socket, 4 bytes of length before each. */
export async function openBareSocket(): Promise<Contestant> {
  return openBareSockets(1);
}

/** The call of number `a` goes to process `a % processes`, as if it were pinned to it. */
export async function openBareSockets(processes: number): Promise<Contestant> {
  const opened = await Promise.allSettled(Array.from({ length: processes }, openOne));
  const good = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const dispose = async () => {
    await Promise.all(good.map(({ close }) => close()));
  };
  const failed = opened.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await dispose();
    throw failed.reason;
  }
  const channels = good.map(({ channel }) => channel);
  const channelOf = (call: number) => channels[call % processes] as BareChannel;
  return {
    name: "bare-socket",
    add: (a, b) => channelOf(a).add(a, b),
    count: (chunks) => channelOf(0).count(chunks),
    [Symbol.asyncDispose]: dispose,
  };
}

async function openOne() {
  const codec = await openCodec();
  const folder = temporaryFolder();
  const path = folder.file("bare");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const child = startPython("bare_socket.py", [path]);
  const close = async () => {
    await stopPython(child);
    server.close();
    folder[Symbol.dispose]();
  };
  try {
    const socket = await whenReady(child, connection(server));
    const channel = new BareChannel(codec, (document) => {
      const header = Buffer.allocUnsafe(4);
      header.writeUInt32BE(document.length);
      socket.write(Buffer.concat([header, document]));
    });
    socket.on("data", documentsInto(channel));
    socket.on("error", () => {}); // the process was ended
    return {
      channel,
      close: async () => {
        socket.destroy();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function connection(server: Server): Promise<Socket> {
  return new Promise((resolve) => server.once("connection", resolve));
}

function documentsInto(channel: BareChannel): (bytes: Buffer) => void {
  let kept: Buffer = Buffer.alloc(0);
  return (bytes) => {
    let rest = kept.length === 0 ? bytes : Buffer.concat([kept, bytes]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE(0);
      if (rest.length < end) break;
      channel.receive(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
    kept = rest;
  };
}

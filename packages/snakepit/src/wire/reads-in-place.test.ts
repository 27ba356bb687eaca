import { once } from "node:events";
import { connect, createServer, type Server, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { scratch } from "../fixtures/scratch.ts";
import { until } from "../fixtures/until.ts";
import { readsInPlace } from "./reads-in-place.ts";

interface Connected {
  readonly server: Server;
  readonly accepted: Socket;
  readonly client: Socket;
}

async function connected(): Promise<Connected> {
  const server = createServer({ pauseOnConnect: true });
  const folder = scratch();
  onTestFinished(() => folder[Symbol.dispose]());
  const path = folder.file("s");
  await once(server.listen(path), "listening");
  onTestFinished(() => void server.close());
  const client = connect(path);
  onTestFinished(() => void client.destroy());
  const [accepted] = (await once(server, "connection")) as [Socket];
  return { server, accepted, client };
}

test("what comes is in the memory that was named, in order, whatever came before", async () => {
  const { accepted, client } = await connected();
  client.write("before ");
  accepted.resume();
  const [first] = (await once(accepted, "data")) as [Buffer];
  const memory = Buffer.alloc(20, ".");
  let at = 0;
  const socket = readsInPlace(accepted, {
    place: () => memory.subarray(at, at + 4),
    filled: (bytes) => {
      at += bytes;
    },
  }) as Socket;
  socket.resume();
  client.write("twelve bytes");
  await until(() => at === 12);
  expect(`${first}${memory}`).toBe("before twelve bytes........");
  socket.write("and back");
  expect(String((await once(client, "data"))[0])).toBe("and back");
  client.end();
  await once(socket, "close");
});

test("the server ends without waiting for a connection that was taken over", async () => {
  const { server, accepted } = await connected();
  const place = Buffer.alloc(8);
  const socket = readsInPlace(accepted, { place: () => place, filled: () => {} }) as Socket;
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => server.close(resolve));
  expect(socket.destroyed).toBe(false);
});

test("a socket that has ended, or never began, stays as it is", async () => {
  const target = { place: () => expect.unreachable(), filled: () => expect.unreachable() };
  expect(readsInPlace(new Socket(), target)).toBeUndefined();
  const { accepted } = await connected();
  accepted.destroy();
  expect(readsInPlace(accepted, target)).toBeUndefined();
});

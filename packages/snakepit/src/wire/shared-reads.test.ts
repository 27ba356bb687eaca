import { once } from "node:events";
import { connect, createServer, type Server, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { scratch } from "../fixtures/scratch.ts";
import { until } from "../fixtures/until.ts";
import { withSharedReads } from "./shared-reads.ts";

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

test("what comes is handed over in order, whatever came before", async () => {
  const { accepted, client } = await connected();
  client.write("before ");
  accepted.resume();
  const [first] = (await once(accepted, "data")) as [Buffer];
  let text = String(first);
  const socket = withSharedReads(accepted, (chunk) => {
    text += chunk;
  }) as Socket;
  socket.resume();
  client.write("and ");
  await until(() => text.endsWith("and "));
  client.write("after");
  await until(() => text.endsWith("after"));
  expect(text).toBe("before and after");
  socket.write("and back");
  expect(String((await once(client, "data"))[0])).toBe("and back");
  client.end();
  await once(socket, "close");
});

test("connections that talk at the same time hear each their own", async () => {
  const heard: string[] = [];
  const clients: Socket[] = [];
  for (let n = 0; n < 8; n++) {
    const { accepted, client } = await connected();
    heard.push("");
    const socket = withSharedReads(accepted, (chunk) => {
      heard[n] += chunk.toString("latin1");
    }) as Socket;
    socket.resume();
    clients.push(client);
  }
  const said = clients.map((_, n) => String(n).repeat(500_000));
  for (const [n, client] of clients.entries()) client.write(said[n] as string);
  await until(() => heard.every(({ length }) => length === 500_000));
  expect(heard.every((text, n) => text === said[n])).toBe(true);
});

test("the server ends without waiting for a connection that was taken over", async () => {
  const { server, accepted } = await connected();
  const socket = withSharedReads(accepted, () => {}) as Socket;
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => server.close(resolve));
  expect(socket.destroyed).toBe(false);
});

test("a socket that has ended, or never began, stays as it is", async () => {
  const received = () => expect.unreachable();
  expect(withSharedReads(new Socket(), received)).toBeUndefined();
  const { accepted } = await connected();
  accepted.destroy();
  expect(withSharedReads(accepted, received)).toBeUndefined();
});

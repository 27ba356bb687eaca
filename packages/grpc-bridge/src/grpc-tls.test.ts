import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { type ChannelCredentials, credentials, status as Status } from "@grpc/grpc-js";
import { jsonCodec, Reception } from "snakepit/wire";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createBridge } from "./bridge.ts";
import { type Certificates, makeCertificates, type Pair } from "./fixtures/certificates.ts";
import { HandWorker, handMetadata } from "./fixtures/hand-worker.ts";
import { GrpcListener } from "./grpc-listener.ts";

let folder: string;
let ours: Certificates;
let theirs: Certificates;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "snakepit-tls-"));
  ours = await makeCertificates(join(folder, "ours"));
  theirs = await makeCertificates(join(folder, "theirs"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Listening {
  readonly listener: GrpcListener;
  readonly reception: Reception;
  readonly port: number;
}

async function listening(handshakeMs?: number): Promise<Listening> {
  const reception = new Reception({ codecs: [jsonCodec] });
  const { ca, host } = ours;
  const listener = await GrpcListener.open({
    reception,
    place: { host: "127.0.0.1", port: 0, advertise: "localhost", tls: { ca, ...host } },
    ...(handshakeMs === undefined ? {} : { handshakeMs }),
  });
  onTestFinished(() => listener[Symbol.asyncDispose]());
  return { listener, reception, port: Number(listener.address.split(":").at(-1)) };
}

test.each([
  ["models.internal", /^grpcs:models\.internal:\d+$/],
  ["models.internal:8443", /^grpcs:models\.internal:8443$/],
  ["10.0.0.1", /^grpcs:10\.0\.0\.1:\d+$/],
  ["fd00::1", /^grpcs:\[fd00::1\]:\d+$/],
  ["[fd00::1]:8443", /^grpcs:\[fd00::1\]:8443$/],
])("workers are told to dial %s as gRPC names it", async (advertise, address) => {
  const { ca, host } = ours;
  const place = { host: "127.0.0.1", port: 0, advertise, tls: { ca, ...host } };
  const reception = new Reception({ codecs: [jsonCodec] });
  await using listener = await GrpcListener.open({ reception, place });
  expect(listener.address).toMatch(address);
});

function credentialsOf(ca: string, pair?: Pair): ChannelCredentials {
  const key = pair && readFileSync(pair.key);
  const cert = pair && readFileSync(pair.cert);
  return credentials.createSsl(readFileSync(ca), key, cert);
}

/** Answers, or is turned away with a status. */
async function metBy({ listener, reception }: Listening, worker: HandWorker): Promise<unknown> {
  const skills = { codecs: ["json"], concurrency: 4, commands: "any", versions: {}, pid: 1 };
  const { token } = reception;
  worker.send({ type: "hello", protocol: 1, workerId: "w1", token, ...skills });
  expect(listener.address).toMatch(/^grpcs:localhost:\d+$/);
  return Promise.race([worker.frame(), worker.closed]);
}

async function isServed(place: Listening): Promise<void> {
  const own = credentialsOf(ours.ca, ours.worker);
  const worker = new HandWorker(place.listener.address, handMetadata(place.reception), own);
  expect(await metBy(place, worker)).toMatchObject({ type: "welcome" });
  worker.hangUp();
}

test("a worker with a certificate of the authority and the token is let in", async () => {
  await isServed(await listening());
});

test("a wrong token is refused although the certificate is right", async () => {
  const place = await listening();
  const said = { ...handMetadata(place.reception), "snakepit-token": "guess" };
  const own = credentialsOf(ours.ca, ours.worker);
  const worker = new HandWorker(place.listener.address, said, own);
  expect(await metBy(place, worker)).toMatchObject({ code: Status.UNAUTHENTICATED });
  await isServed(place);
});

test.each([
  ["no certificate", () => credentialsOf(ours.ca)],
  ["a certificate of another authority", () => credentialsOf(ours.ca, theirs.worker)],
  ["plain text", () => credentials.createInsecure()],
])("a peer with %s does not reach gRPC, whatever token it has", async (_name, credential) => {
  const place = await listening();
  const said = handMetadata(place.reception);
  const worker = new HandWorker(place.listener.address, said, credential());
  expect(await metBy(place, worker)).toMatchObject({ code: Status.UNAVAILABLE });
  await isServed(place);
});

test("a worker tells its token to no host that another authority has signed", async () => {
  const place = await listening();
  const own = credentialsOf(theirs.ca, theirs.worker);
  const worker = new HandWorker(place.listener.address, handMetadata(place.reception), own);
  expect(await metBy(place, worker)).toMatchObject({ code: Status.UNAVAILABLE });
});

test("a host is known by the name in its certificate only", async () => {
  const place = await listening();
  const elsewhere = place.listener.address.replace("localhost", "127.0.0.2");
  const own = credentialsOf(ours.ca, ours.worker);
  const worker = new HandWorker(elsewhere, handMetadata(place.reception), own);
  expect(await metBy(place, worker)).toMatchObject({ code: Status.UNAVAILABLE });
});

async function hungUp(socket: Socket): Promise<void> {
  socket.on("error", () => {}); // a reset is an end too
  await new Promise((resolve) => socket.resume().once("close", resolve));
}

test("a peer that connects and says nothing is hung up on, before and after its handshake", async () => {
  const place = await listening(50);
  const { port } = place;
  await hungUp(connectSocket({ host: "127.0.0.1", port }));
  const { ca } = ours;
  const { key, cert } = ours.worker;
  const [caPem, keyPem, certPem] = [ca, key, cert].map((name) => readFileSync(name));
  const tls = { host: "localhost", port, ca: caPem, key: keyPem, cert: certPem };
  await hungUp(connectTls({ ...tls, ALPNProtocols: ["h2"] }));
  await hungUp(connectTls({ ...tls, ALPNProtocols: ["http/1.1"] }));
  await hungUp(connectTls(tls));
});

test("HTTP in plain text to the TLS port ends that connection only", async () => {
  const place = await listening();
  const peer = connectSocket({ host: "127.0.0.1", port: place.port });
  peer.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await hungUp(peer);
  await isServed(place);
});

test.each([
  ["no TLS files", { host: "0.0.0.0", advertise: "me" }, /listen.tls is missing.*certificates/],
  ["no TLS files on loopback", { host: "127.0.0.1" }, /listen.tls is missing/],
  ["null for the files", { host: "localhost", tls: null }, /listen.tls is null/],
  ["no host", {}, /listen.host is missing, not a host name or address/],
  ["a port beyond all", { host: "h", port: 70_000 }, /listen.port is 70000.*0 to 65535/],
  ["no time to connect", { host: "h", connectTimeoutMs: 0 }, /connectTimeoutMs is 0/],
  ["a lease too short", { host: "h", leaseMs: 10 }, /listen.leaseMs is 10.*from 1000/],
  ["all addresses without a name", { host: "0.0.0.0" }, /no name to dial.*listen.advertise/],
  ["an unknown option", { host: "h", hots: 1 }, /listen has no option hots; known are host/],
  ["no object", "0.0.0.0:80", /listen must be an object, not "0.0.0.0:80"/],
  ["a file that is not there", { host: "h", tls: { ca: "/no/ca.pem" } }, /\/no\/ca.pem.*ENOENT/],
  [
    "a key in place of its file",
    { host: "h", tls: { key: "-----BEGIN\nsecret" } },
    /key is a long text/,
  ],
])("a TCP listener with %s is refused before anything starts", async (_name, listen, message) => {
  const started = createBridge({ transport: "grpc", listen: listen as never });
  await expect(started).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
    outcome: "not-started",
    message: expect.stringMatching(message),
  });
});

test("a certificate that is not the key's, or no certificate at all, is named", async () => {
  const { ca, host, worker } = ours;
  const nonsense = join(folder, "nonsense.pem");
  writeFileSync(nonsense, "no certificate");
  for (const [tls, message] of [
    [{ ca, cert: host.cert, key: worker.key }, /listen.tls.cert .*no certificate and its key/],
    [{ ca, cert: nonsense, key: host.key }, /nonsense.pem/],
    [{ ca, ...host, worker: { cert: worker.cert, key: host.key } }, /listen.tls.worker.cert/],
    [{ ca, ...host, worker: { cert: worker.cert } }, /listen.tls.worker.key is missing/],
    [{ ca, ...host }, /for want of listen.tls.worker.*not made out for clientAuth/],
    [{ ca, ...worker, worker }, /listen.tls.cert .*not made out for serverAuth/],
  ] as const) {
    const listen = { host: "localhost", tls } as never;
    await expect(createBridge({ transport: "grpc", listen })).rejects.toMatchObject({
      code: "INVALID_OPTIONS",
      message: expect.stringMatching(message),
    });
  }
});

test("a TCP listener beside the socket transport is refused", async () => {
  const { ca, host } = ours;
  const listen = { host: "localhost", tls: { ca, ...host } };
  await expect(createBridge({ listen })).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
    message: expect.stringMatching(/listen is for transport: "grpc"/),
  });
});

import { accessSync, constants, readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { certificatesOf, leadsTo } from "./certificate-chain.ts";
import type { TlsFiles } from "./grpc-door.ts";

/** Where workers on other machines dial in, with certificates on both sides and the token. */
export interface ListenOptions {
  /** The address to listen on: `"0.0.0.0"` for all. */
  readonly host: string;
  /** Default: 0, whichever is free. */
  readonly port?: number;
  /**
   * The name by which workers reach this host, with a port if that is another one there:
   * `"models.internal"`, `"models.internal:8443"`. The certificate must be made out to the name.
   * Default: `host`, which must then be one name and not all addresses.
   */
  readonly advertise?: string;
  readonly tls: ListenTls;
  /** How long a peer may take for its TLS handshake and its first frame. Default: 5,000. */
  readonly connectTimeoutMs?: number;
  /**
   * How long a worker may live without hearing from this host, and may dial in again. It ends itself
   * after that, and its replacement comes a second later. Default: 10,000.
   */
  readonly leaseMs?: number;
}

/** Names of files with PEM in them; their contents are read when the bridge starts. */
export interface ListenTls extends TlsFiles {
  /**
   * The certificate with which workers that this host starts dial in. Default: the host's own,
   * which must then be made out for clients too. A worker on another machine has files of its own,
   * named in its environment.
   */
  readonly worker?: { readonly cert: string; readonly key: string };
}

export type ResolvedListen = Required<Omit<ListenOptions, "tls">> & {
  readonly tls: Required<ListenTls>;
};

const keys = {
  host: true,
  port: true,
  advertise: true,
  tls: true,
  connectTimeoutMs: true,
  leaseMs: true,
} satisfies Record<keyof ListenOptions, true>;
const tlsKeys = { ca: true, cert: true, key: true, worker: true } satisfies Record<
  keyof ListenTls,
  true
>;
const wildcards: readonly unknown[] = ["0.0.0.0", "::", "[::]"];
/** A shorter one would end workers for a pause of the garbage collector. */
const LEAST_LEASE_MS = 1_000;

export function resolveListen(options: ListenOptions): ResolvedListen {
  const { host, port = 0, advertise = host, connectTimeoutMs = 5_000, leaseMs = 10_000 } = options;
  const { ca, cert, key, worker = { cert, key } } = options.tls;
  return { host, port, advertise, connectTimeoutMs, leaseMs, tls: { ca, cert, key, worker } };
}

/** Every problem, one sentence each. `transport` is that of the same bridge. */
export function checkListen(listen: unknown, transport: unknown): string[] {
  if (listen === undefined) return [];
  if (!isObject(listen)) return [`listen must be an object, not ${show(listen)}`];
  const { host, advertise, port, connectTimeoutMs, leaseMs, tls } = listen;
  return [
    ...(transport === "grpc"
      ? []
      : ['listen is for transport: "grpc"; the socket never leaves this machine']),
    ...unknownKeys("listen", listen, Object.keys(keys)),
    ...checkText("listen.host", host),
    ...(advertise === undefined ? [] : checkText("listen.advertise", advertise)),
    ...(wildcards.includes(host) && advertise === undefined
      ? [
          `listen.host ${host} is no name to dial; say in listen.advertise by which workers reach it`,
        ]
      : []),
    ...checkInteger("listen.port", port, 0, 65_535),
    ...checkInteger("listen.connectTimeoutMs", connectTimeoutMs, 1),
    ...checkInteger("listen.leaseMs", leaseMs, LEAST_LEASE_MS),
    ...checkTls(tls),
  ];
}

function checkTls(tls: unknown): string[] {
  if (!isObject(tls)) {
    return [
      `listen.tls is ${show(tls)}; workers dial in over TCP only with certificates on both sides: give { ca, cert, key }, names of PEM files`,
    ];
  }
  const { ca, cert, key, worker } = tls;
  const problems = [
    ...unknownKeys("listen.tls", tls, Object.keys(tlsKeys)),
    ...checkFile("listen.tls.ca", ca),
    ...checkFile("listen.tls.cert", cert),
    ...checkFile("listen.tls.key", key),
    ...checkWorker(worker),
  ];
  if (problems.length > 0) return problems;
  const host = { ca, cert, key } as TlsFiles;
  const { cert: workerCert, key: workerKey } = isObject(worker) ? worker : host;
  return [
    ...checkPair("listen.tls", host, forServers),
    ...checkPair(
      worker === undefined ? "listen.tls (for want of listen.tls.worker)" : "listen.tls.worker",
      { ca, cert: workerCert, key: workerKey } as TlsFiles,
      forClients,
    ),
  ];
}

function checkWorker(worker: unknown): string[] {
  if (worker === undefined) return [];
  if (!isObject(worker)) return [`listen.tls.worker must be { cert, key }, not ${show(worker)}`];
  return [
    ...unknownKeys("listen.tls.worker", worker, ["cert", "key"]),
    ...checkFile("listen.tls.worker.cert", worker["cert"]),
    ...checkFile("listen.tls.worker.key", worker["key"]),
  ];
}

/** What a certificate may be used for, if it says so: RFC 5280, 4.2.1.12. */
const forServers = { oid: "1.3.6.1.5.5.7.3.1", name: "serverAuth" };
const forClients = { oid: "1.3.6.1.5.5.7.3.2", name: "clientAuth" };

/** Here, where it can be said which file is at fault, and not at the first handshake. */
function checkPair(name: string, { ca, cert, key }: TlsFiles, use: typeof forServers): string[] {
  try {
    const [authority, pem] = [readFileSync(ca, "utf8"), readFileSync(cert, "utf8")];
    createSecureContext({ ca: authority, cert: pem, key: readFileSync(key) });
    const own = certificatesOf(pem);
    return [
      ...checkUse(`${name}.cert (${cert})`, own[0]?.keyUsage, use),
      ...(leadsTo(certificatesOf(authority), own)
        ? []
        : [
            `${name}.cert (${cert}) was not signed by listen.tls.ca (${ca}), nor by what follows it in its own file, so that no peer would accept it; name in listen.tls.ca the authority that has signed it, or have that one sign another`,
          ]),
    ];
  } catch (error) {
    const why = (error as Error).message;
    return [`${name}.cert (${cert}) and key (${key}) are no certificate and its key: ${why}`];
  }
}

function checkUse(
  name: string,
  keyUsage: readonly string[] | undefined,
  use: typeof forServers,
): string[] {
  if (keyUsage === undefined || keyUsage.includes(use.oid)) return [];
  return [`${name} is not made out for ${use.name}, and no peer would accept it`];
}

function checkFile(name: string, value: unknown): string[] {
  if (typeof value !== "string" || value === "" || !isShort(value)) {
    return [`${name} is ${show(value)}, not the name of a PEM file`];
  }
  try {
    accessSync(value, constants.R_OK);
    return [];
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    return [`${name} names ${value}, which cannot be read (${why}, seen from ${process.cwd()})`];
  }
}

function checkText(name: string, value: unknown): string[] {
  if (typeof value === "string" && value !== "" && isShort(value)) return [];
  return [`${name} is ${show(value)}, not a host name or address`];
}

function checkInteger(name: string, value: unknown, least: number, most = 2 ** 31 - 1): string[] {
  if (value === undefined) return [];
  const number = value as number;
  if (Number.isInteger(value) && number >= least && number <= most) return [];
  return [`${name} is ${show(value)}, not an integer from ${least} to ${most}`];
}

function unknownKeys(owner: string, value: object, known: readonly string[]): string[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => `${owner} has no option ${key}; known are ${known.join(", ")}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Somebody may give a key in place of its file's name, which must not stand in a log. */
function isShort(text: string): boolean {
  return text.length <= 1_000 && !text.includes("\n");
}

function show(value: unknown): string {
  if (typeof value === "string") return isShort(value) ? JSON.stringify(value) : "a long text";
  return value === undefined ? "missing" : String(value);
}

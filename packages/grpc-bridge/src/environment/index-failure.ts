import type { SnakepitError } from "snakepit";
import { setupError } from "./setup-error.ts";

const defaultIndex = "https://pypi.org/simple";

// What pip and uv say of a connection that did not come about. A server that answers with an error,
// and a certificate that is not trusted, are other matters, for which their own words are shown.
const noConnection =
  /NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|NameResolutionError|RemoteDisconnected|Connection (?:refused|reset|timed out)|Network is unreachable|No route to host|name resolution|tcp connect error|dns error|operation timed out|tunnel error/i;
const badCertificate = /certificate|SSLError|UnknownIssuer/i;

export function isConnectionFailure(stderr: string): boolean {
  return noConnection.test(stderr) && !badCertificate.test(stderr);
}

/** @param index As pip or uv was told it; `undefined`: theirs. */
export function unreachableIndex(
  index: string | undefined,
  stderr: string,
): SnakepitError<"WORKER_START_FAILED"> {
  return setupError(
    "adapter-open",
    `cannot reach the Python package index ${shownIndex(index)}; check the network, the proxy or PIP_INDEX_URL`,
    { stderr: withoutCredentials(stderr) },
  );
}

export function shownIndex(index: string | undefined): string {
  return withoutCredentials(index ?? defaultIndex);
}

/** Mirrors are often named as `https://user:token@host/…`. */
export function withoutCredentials(text: string): string {
  return text.replace(/(\w:\/\/)[^/\s@]+@/g, "$1");
}

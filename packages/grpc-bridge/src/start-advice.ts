import { damagedAdvice } from "./environment/index.ts";
import type { ListenOptions } from "./listen-options.ts";

/** The last line of a worker side that could not import what it was told to. */
const preloadFailure = /^snakepit_bridge: the preload failed: (.+)$/m;

/** The last line of a worker that has no gRPC to dial in with: `transports/__init__.py`. */
const grpcMissing = /^snakepit_bridge: (the gRPC transport needs .+)$/m;
/** A name that the certificate does not have: gRPC's words, or OpenSSL's as Python has them. */
const wrongName = /Hostname Verification Check failed|certificate is not valid for/;
const handshakeFailure =
  /CERTIFICATE_VERIFY_FAILED|Tls handshake failed|Handshake failed with error/;

/**
 * What to do about a worker that did not start, where its last words tell.
 * `executable`: the Python that it ran on; `listen`: where it had to dial in.
 */
export function startAdvice(
  stderr: string,
  executable: string,
  listen: ListenOptions | undefined,
): string | undefined {
  return (
    damagedAdvice(executable, stderr) ??
    preloadAdvice(stderr) ??
    grpcMissing.exec(stderr)?.[1] ??
    tlsAdvice(stderr, listen)
  );
}

function preloadAdvice(stderr: string): string | undefined {
  const failure = preloadFailure.exec(stderr)?.[1];
  if (failure === undefined) return undefined;
  const missing = failure.startsWith("ModuleNotFoundError");
  const fix = missing
    ? "; install it in the workers' environment, or name the folder of a module of your own in python.path"
    : "; the traceback is in details.stderr";
  return `a module of python.preload could not be imported: ${failure}${fix}`;
}

/** Workers check the host's certificate as `listen` has it: which part of that is at fault. */
function tlsAdvice(stderr: string, listen: ListenOptions | undefined): string | undefined {
  if (listen === undefined) return undefined;
  const { host, advertise = host, tls } = listen;
  const seen = "; what the worker saw is in details.stderr";
  if (wrongName.test(stderr)) {
    return `workers dial ${advertise}, and the certificate in listen.tls.cert (${tls.cert}) is not made out to that name; set listen.advertise to a name that it has, or have one made out to ${advertise}${seen}`;
  }
  if (!handshakeFailure.test(stderr)) return undefined;
  return `a worker refused the host's certificate; listen.tls.ca (${tls.ca}) must be the authority that has signed listen.tls.cert (${tls.cert}), which must not have expired${seen}`;
}

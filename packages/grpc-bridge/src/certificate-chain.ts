import { X509Certificate } from "node:crypto";

const pemPattern = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[\s\S]+?-----END \1-----/g;

/** All certificates of a PEM file, in its order. @throws Error for one that cannot be read */
export function certificatesOf(pem: string): X509Certificate[] {
  return [...pem.matchAll(pemPattern)].map(([text]) => new X509Certificate(text));
}

/**
 * Whether the first of `own` leads to one of `authorities`; those that follow it are its chain. Only
 * the signatures count: of the dates and names peers say themselves what is wrong.
 */
export function leadsTo(
  authorities: readonly X509Certificate[],
  own: readonly X509Certificate[],
): boolean {
  let [link, ...chain] = own;
  while (link !== undefined) {
    const current: X509Certificate = link;
    if (authorities.some((one) => isSame(one, current) || hasIssued(one, current))) return true;
    link = chain.find((one) => hasIssued(one, current));
    // Each once: two that have signed each other would lead round for ever.
    chain = chain.filter((one) => one !== link);
  }
  return false;
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return one.fingerprint256 === other.fingerprint256;
}

/** The name alone would do for an impostor, and for the authority of before with a new key. */
function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

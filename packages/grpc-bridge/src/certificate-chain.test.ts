import { type GenerateResult, generate } from "selfsigned";
import { beforeAll, expect, test } from "vitest";
import { certificatesOf, leadsTo } from "./certificate-chain.ts";

type Signer = Pick<GenerateResult, "cert" | "private">;

function made(name: string, isAuthority: boolean, signer?: Signer): Promise<GenerateResult> {
  return generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: isAuthority, critical: true },
      { name: "keyUsage", keyCertSign: isAuthority, digitalSignature: true },
    ],
    ...(signer === undefined ? {} : { ca: { key: signer.private, cert: signer.cert } }),
  });
}

let [root, intermediate, leaf, alone, impostor]: GenerateResult[] = [];

beforeAll(async () => {
  root = await made("root", true);
  intermediate = await made("intermediate", true, root);
  leaf = await made("leaf", false, intermediate);
  alone = await made("alone", false);
  impostor = await made("root", true);
});

const pem = (...parts: (GenerateResult | undefined)[]) =>
  parts.map((part) => `# a comment\n${part?.cert}`).join("\n");

test.each([
  ["what an authority has signed", () => [pem(root), pem(intermediate)], true],
  ["a chain that ends with one", () => [pem(root), pem(leaf, intermediate)], true],
  ["a chain in another order", () => [pem(root), pem(leaf, root, intermediate)], true],
  ["one of several authorities", () => [pem(alone, impostor, root), pem(intermediate)], true],
  ["an authority in the middle", () => [pem(intermediate), pem(leaf)], true],
  ["a certificate that is its own authority", () => [pem(alone), pem(alone)], true],
  ["a chain with a gap", () => [pem(root), pem(leaf)], false],
  ["another authority of the same name", () => [pem(impostor), pem(intermediate)], false],
  ["a chain to such another", () => [pem(impostor), pem(leaf, intermediate, root)], false],
  ["no authority at all", () => ["", pem(leaf, intermediate)], false],
])("%s: whether a certificate leads to the authorities", (_, files, expected) => {
  const [authorities = "", own = ""] = files();
  expect(leadsTo(certificatesOf(authorities), certificatesOf(own))).toBe(expected);
});

// As one-call.mjs, with workers that dial in over TCP: the names of the certificate files come in.
import { createBridge } from "snakepit-grpc-bridge";

const [ca, cert, key, workerCert, workerKey] = process.argv.slice(2);
const worker = { cert: workerCert, key: workerKey };
const listen = { host: "localhost", tls: { ca, cert, key, worker } };
const bridge = await createBridge({ transport: "grpc", listen });
console.log(await bridge.python.call("math.sqrt", [16]));

// As one-call.mjs, with workers that dial in over TCP: the names of the certificate files come in.
import { createBridge } from "snakepit-grpc-bridge";

const [ca, cert, key] = process.argv.slice(2);
const listen = { host: "localhost", tls: { ca, cert, key } };
const bridge = await createBridge({ transport: "grpc", listen });
console.log(await bridge.python.call("math.sqrt", [16]));

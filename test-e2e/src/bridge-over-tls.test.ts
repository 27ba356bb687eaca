import { listen } from "./certificates-of-this-file.ts";
import { useBridgesWith } from "./workspace.ts";

// The same promises over TCP with certificates, and with a lease.
useBridgesWith({ transport: "grpc", listen });
await import("./bridge-cancel.test.ts");
await import("./bridge-crash.test.ts");
await import("./bridge-sessions.test.ts");

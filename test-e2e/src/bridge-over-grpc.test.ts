import { useBridgesWith } from "./workspace.ts";

// The same promises on a gRPC stream.
useBridgesWith({ transport: "grpc" });
await import("./bridge-calls.test.ts");
await import("./bridge-cancel.test.ts");
await import("./bridge-crash.test.ts");
await import("./bridge-sessions.test.ts");

export type { WorkerLog } from "../worker-logs.ts";
export type { Handler, ServedCall } from "./handler.ts";
export { type NodeAdapterOptions, nodeAdapter } from "./node-adapter.ts";
export {
  type ProcessAdapterOptions,
  processAdapter,
  type WorkerOptions,
} from "./process-adapter.ts";
export type { PacketCodec, Protocol, ProtocolOptions } from "./protocols.ts";
export {
  type ServeOptions,
  type ServeWorkerOptions,
  serveJsonLines,
  serveWorker,
} from "./serve-worker.ts";

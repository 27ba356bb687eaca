export type { WorkerLog } from "./json-lines.ts";
export { type NodeAdapterOptions, nodeAdapter } from "./node-adapter.ts";
export {
  type ProcessAdapterOptions,
  processAdapter,
  type WorkerOptions,
} from "./process-adapter.ts";
export {
  type Handler,
  type ServedCall,
  type ServeOptions,
  serveJsonLines,
} from "./serve-json-lines.ts";

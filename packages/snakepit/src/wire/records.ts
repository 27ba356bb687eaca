/** The records of docs/protocol.md, as numbers. A record is `[kind, id, …]`. */
export const PROTOCOL_VERSION = 1;

export const ToWorker = {
  call: 0,
  stream: 1,
  cancel: 2,
  credit: 3,
  ping: 4,
  recall: 5,
  sessionEnd: 6,
  partCredit: 7,
} as const;

export const ToHost = {
  result: 0,
  error: 1,
  chunk: 2,
  end: 3,
  pong: 4,
  log: 5,
  pace: 6,
  telemetry: 7,
  partCredit: 8,
} as const;

/** How far a stream may run ahead of its reader; given back at half. See docs/protocol.md. */
export const STREAM_CREDIT = { chunks: 1024, bytes: 4 * 1024 * 1024 } as const;

/** Longest document when nobody says otherwise. */
export const DEFAULT_MAX_FRAME_BYTES = 64 * 1024 * 1024;

import { join } from "node:path";
import { stateDirectories } from "../local/state-directory.ts";

/** Linux allows 107 bytes and macOS 103; Node 20 silently cuts a longer path off (and binds it). */
const MAX_PATH_BYTES = 100;

/**
 * Where sockets are looked for, in the order in which an application tries the places: those of its
 * runs, and one whose path is short for sure.
 */
export function socketDirectories(): readonly string[] {
  const last = join("/tmp", `snakepit-${process.getuid?.() ?? 0}`);
  return [...new Set([...stateDirectories(), last])];
}

/** @throws why a socket of that name cannot be there */
export function socketPath(directory: string, name: string): string {
  const path = join(directory, name);
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_PATH_BYTES) return path;
  throw new Error(`the path of a socket there would have ${bytes} bytes, above ${MAX_PATH_BYTES}`);
}

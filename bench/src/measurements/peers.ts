import type { Entry } from "../contestant.ts";
import { openOurs } from "../ours.ts";
import { openBareSocket } from "../peers/bare-socket.ts";
import { openFastapi } from "../peers/fastapi.ts";
import { openGrpc } from "../peers/grpc.ts";
import { openPythonShell } from "../peers/python-shell.ts";
import { openPythonia } from "../peers/pythonia.ts";

export const ours: Entry = { name: "ours", open: () => openOurs() };
export const bareSocket: Entry = { name: "bare-socket", open: openBareSocket };
export const pythonShell: Entry = { name: "python-shell", open: openPythonShell };
export const pythonia: Entry = { name: "pythonia", open: openPythonia };
export const fastapi: Entry = { name: "fastapi", open: openFastapi };
export const grpcUnary: Entry = grpc("grpc-unary");

/** The same server and client under the name of what is asked of them. */
export function grpc(name: string): Entry {
  return { name, open: () => openGrpc(name) };
}

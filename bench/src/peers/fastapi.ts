import type { Contestant } from "../contestant.ts";
import { startPython, stopPython, whenReady } from "../python-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { peersInterpreter } from "./peers-python.ts";

/** HTTP does one thing at a time on a connection. 64 of them were no faster, 256 slower. */
const CONNECTIONS = 16;

/** FastAPI on uvicorn, one process, and `undici`: the side-car that one would write. */
export async function openFastapi(): Promise<Contestant> {
  const { Pool } = await import("undici");
  const python = await peersInterpreter();
  const folder = temporaryFolder();
  const socketPath = folder.file("http");
  const child = startPython("fastapi_server.py", [socketPath], python);
  const pool = new Pool("http://localhost", { socketPath, connections: CONNECTIONS });
  const dispose = async () => {
    await pool.destroy();
    await stopPython(child);
    folder[Symbol.dispose]();
  };
  try {
    await whenReady(child, new Promise((resolve) => child.stdout?.once("data", resolve)));
  } catch (error) {
    await dispose();
    throw error;
  }
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const reply = await pool.request({
      path,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (reply.statusCode !== 200) throw new Error(`${path} answered ${reply.statusCode}`);
    return reply.body.json();
  };
  return {
    name: "fastapi",
    add: (a, b) => post("/add", { a, b }) as Promise<number>,
    classify: (row) => post("/classify", { row }) as Promise<{ label: number }>,
    [Symbol.asyncDispose]: dispose,
  };
}

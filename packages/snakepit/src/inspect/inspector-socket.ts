import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { guardFile, runId } from "../local/janitor.ts";
import { systemTable } from "../local/process-table.ts";
import { makePrivate } from "../local/state-directory.ts";
import { Attachment } from "./attachment.ts";
import type { PoolView } from "./pool-view.ts";
import { socketDirectories, socketPath } from "./socket-directories.ts";
import { socketName, socketOwner } from "./socket-file.ts";

/** More people than ever look at once, and fewer descriptors than an application would miss. */
const MOST_ATTACHED = 16;

/** The janitor keeps what it is told: of one path it needs to hear once. */
const guarded = new Set<string>();

/** Where this application can be looked at while it runs. Keeps no program alive. */
export class InspectorSocket implements Disposable {
  readonly path: string;
  readonly #server: Server;
  readonly #attached = new Set<Attachment>();

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /** @throws why there is no place for a socket, or none can be made */
  static async open(pools: ReadonlySet<PoolView>): Promise<InspectorSocket> {
    const path = await findPlace();
    const server = createServer();
    const socket = new InspectorSocket(path, server);
    server.maxConnections = MOST_ATTACHED;
    server.on("connection", (connection) => {
      const attachment = new Attachment(connection, pools);
      socket.#attached.add(attachment);
      connection.once("close", () => socket.#attached.delete(attachment));
    });
    await listen(server, path);
    try {
      // Nobody else can enter the directory; this holds should somebody open it later.
      chmodSync(path, 0o600);
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
    if (!guarded.has(path)) guardFile(path);
    guarded.add(path);
    process.once("exit", socket.#remove);
    return socket;
  }

  [Symbol.dispose](): void {
    this.#server.close(); // which removes the file, at once
    for (const attachment of this.#attached) attachment[Symbol.dispose]();
    process.off("exit", this.#remove);
  }

  readonly #remove = (): void => {
    rmSync(this.path, { force: true });
  };
}

async function findPlace(): Promise<string> {
  const table = systemTable();
  const { pid } = process;
  const [machine, startedAt] = await Promise.all([table.machine(), table.startedAt(pid)]);
  if (startedAt === undefined) throw new Error("this system does not list its processes");
  const name = socketName(socketOwner(machine, { pid, startedAt, runId }));
  const tried: string[] = [];
  for (const directory of socketDirectories()) {
    try {
      const path = socketPath(directory, name);
      await makePrivate(directory);
      return path;
    } catch (error) {
      tried.push(`${directory}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(tried.join("; "));
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Exclusive: in a cluster it would otherwise be the primary that listens.
    server.listen({ path, exclusive: true }, () => {
      server.off("error", reject);
      // Whatever goes wrong with it later, the application goes on without.
      server.on("error", () => {});
      server.unref();
      resolve();
    });
  });
}

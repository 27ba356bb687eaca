import type { ChildProcessByStdio } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { graceTimer } from "../grace-timer.ts";
import { holding } from "../hold.ts";
import type { Endpoint, MemoryKind, WorkerExit, WorkerProcess, WorkerSpec } from "../launcher.ts";
import { OutputTail, TAIL_BYTES } from "../output-tail.ts";
import { startTimer } from "../timer.ts";
import { forgetGroup, guardGroup } from "./janitor.ts";
import { groupGone, killGroup } from "./process-group.ts";
import { processTreeMemory } from "./process-memory.ts";

/**
 * How long after a worker's exit its last output may still arrive. Normally it is there at once;
 * a grandchild that holds the pipe open must not delay the news for longer.
 */
const LAST_WORDS_MS = 50;
/** A process that survives SIGKILL for so long hangs inside the kernel; nobody can end it. */
const UNKILLABLE_MS = 10_000;

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** A child of this program, and everything in the process group that it leads. */
export class LocalProcess implements WorkerProcess {
  readonly workerId: string;
  readonly pid: number;
  readonly endpoint: Endpoint;
  readonly label: string;
  readonly exited: Promise<WorkerExit>;
  readonly #child: Child;
  readonly #stderr = new OutputTail();
  /** Only of a worker that dials: elsewhere stdout belongs to the connection. */
  readonly #stdout = new OutputTail();
  #reportExit!: (exit: WorkerExit) => void;
  #phase: "running" | "stopping" | "gone" = "running";

  constructor(child: Child & { readonly pid: number }, spec: WorkerSpec, workerId: string) {
    this.workerId = workerId;
    this.pid = child.pid;
    this.label = `pid ${child.pid}`;
    this.#child = child;
    guardGroup(child.pid);
    this.exited = new Promise((report) => {
      this.#reportExit = report;
    });
    child.once("exit", (code, signal) => this.#onExit(code, signal));
    // A signal that could not be sent. Whether the worker ends shows in its exit event.
    child.on("error", () => {});
    const { stdin, stdout, stderr } = child;
    for (const stream of [stdin, stdout, stderr]) {
      // A broken pipe means a dead worker, and of that the exit event tells more.
      stream.on("error", () => {});
      // Sockets, whatever the types say. Here once and for ever: `hold.ts` keeps the loop alive.
      (stream as Readable as Socket).unref();
    }
    child.unref();
    // Always read: a worker whose output nobody reads stops in the middle of a write.
    stderr.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    if (spec.channel === "stdio") {
      this.endpoint = { kind: "stdio", input: stdin, output: stdout };
    } else {
      // Its stdin stays open all the same: the end of it tells the worker that its host is gone.
      this.endpoint = { kind: "dials" };
      stdout.on("data", (chunk: Buffer) => this.#stdout.push(chunk));
    }
  }

  stop({ graceMs }: { readonly graceMs: number }): Promise<WorkerExit> {
    return holding(this.#stop(graceMs));
  }

  /** What a dialling worker wrote to stdout comes first, as far as stderr leaves room for it. */
  stderrTail(): string {
    const errors = this.#stderr.text();
    const output = this.#stdout.text(TAIL_BYTES - Buffer.byteLength(errors));
    const border = output === "" || output.endsWith("\n") || errors === "" ? "" : "\n";
    return output + border + errors;
  }

  async memoryBytes(kind: MemoryKind): Promise<number | undefined> {
    // Its number may be somebody else's by now.
    return this.#phase === "gone" ? undefined : processTreeMemory(this.pid, kind);
  }

  async #stop(graceMs: number): Promise<WorkerExit> {
    const timers: Disposable[] = [];
    const force = () => {
      if (this.#phase === "gone") return;
      killGroup(this.pid);
      timers.push(startTimer(UNKILLABLE_MS, () => this.#giveUp()));
    };
    if (!(graceMs > 0)) force();
    else {
      if (this.#phase === "running") this.#child.kill("SIGTERM");
      timers.push(startTimer(graceMs, force));
    }
    if (this.#phase === "running") this.#phase = "stopping";
    const exit = await this.exited;
    for (const timer of timers) timer[Symbol.dispose]();
    await groupGone(this.pid);
    // The owner is done with it, so nobody reads what may still come from a grandchild.
    this.#child.stdout.destroy();
    return exit;
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#phase = "gone";
    // At once, while the number cannot belong to anybody else's group: the kernel does not reuse
    // it as long as the group has members, and without members there is nobody to hit.
    killGroup(this.pid);
    forgetGroup(this.pid);
    const exit: WorkerExit =
      code === null ? { kind: "signaled", signal: signal ?? "unknown" } : { kind: "exited", code };
    const { stdin, stdout, stderr } = this.#child;
    stdin.destroy();
    const report = () => {
      timer[Symbol.dispose]();
      stderr.destroy();
      if (this.endpoint.kind === "dials") stdout.destroy();
      this.#reportExit(exit);
    };
    const timer = graceTimer(LAST_WORDS_MS, report);
    let open = 0;
    for (const output of [stdout, stderr]) {
      if (output.closed) continue;
      open++;
      output.once("close", () => {
        if (--open === 0) report();
      });
    }
    if (open === 0) report();
  }

  #giveUp(): void {
    const reason = `pid ${this.pid} did not end within ${UNKILLABLE_MS} ms of SIGKILL`;
    this.#reportExit({ kind: "lost", reason });
  }
}

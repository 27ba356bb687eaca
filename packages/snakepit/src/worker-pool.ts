import { Call, type CallOwner, type CallSink } from "./call.ts";
import { checkKnownKeys } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import { EventHub, type PoolEvent, type PoolEventName, type PoolEventOf } from "./events.ts";
import { Fleet, type FleetOwner } from "./fleet.ts";
import { holding } from "./hold.ts";
import { LinkedList } from "./linked-list.ts";
import { localLauncher } from "./local-launcher.ts";
import { checkTimeout, type ResolvedPoolOptions } from "./options.ts";
import type { CallOptions, CloseOptions, Pool, PoolStats, WorkerInfo } from "./pool.ts";
import {
  badGrace,
  cancelledError,
  cannotStream,
  closedError,
  noCommand,
  openError,
  queueFullError,
  timeoutError,
  unknownCommand,
} from "./pool-errors.ts";
import { PooledStream, type StreamOwner } from "./pooled-stream.ts";
import { PromiseSink } from "./promise-sink.ts";
import { chooseWorker } from "./scheduler.ts";
import { startTimer } from "./timer.ts";
import type { Worker } from "./worker.ts";

type PoolState =
  | { readonly phase: "open" }
  | { readonly phase: "closing"; readonly done: Promise<void> };

const DEFAULT_CLOSE_GRACE_MS = 20_000;
const noOptions: CallOptions = {};

/**
 * Carries out what the scheduler decides. A call waits in `#queue`, or it holds a slot of a worker
 * of `#fleet`; nothing else is remembered of it.
 */
export class WorkerPool implements Pool, CallOwner, StreamOwner, FleetOwner {
  readonly #options: ResolvedPoolOptions;
  readonly #fleet: Fleet;
  readonly #events = new EventHub();
  /** First in, first out; a cancelled call leaves in one step. */
  readonly #queue = new LinkedList<Call>();
  /** The calls whose answer is a stream. */
  readonly #streams = new Map<Call, PooledStream>();
  #hasBeenReady = false;
  #state: PoolState = { phase: "open" };
  #running = 0;
  #succeeded = 0;
  #failed = 0;
  /** Aborted by `close`: nobody waits for the adapter any more. */
  readonly #opening = new AbortController();
  /** Set while `close` waits for the last call. */
  #onIdle: (() => void) | undefined;

  constructor(options: ResolvedPoolOptions) {
    this.#options = options;
    const launcher = options.launcher ?? options.adapter.launcher ?? localLauncher();
    this.#fleet = new Fleet(options, launcher, this);
  }

  /** @throws SnakepitError WORKER_START_FAILED when no worker came up */
  async open(): Promise<void> {
    const { adapter, minWorkers } = this.#options;
    try {
      await adapter.open?.({ signal: this.#opening.signal });
      await this.#fleet.startFirst(minWorkers);
      if (minWorkers > 0 && this.#fleet.ready.length === 0)
        throw this.#fleet.lastFailure ?? closedError();
    } catch (error) {
      await this.close({ graceMs: 0 });
      throw openError(adapter.name, error);
    }
    this.#fleet.schedule();
  }

  execute(command: string, args?: unknown, options: CallOptions = noOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sink = new PromiseSink(resolve, reject);
      try {
        const call = this.#prepare(command, args, options, sink, this.#options.callTimeoutMs);
        this.#submit(call, options);
      } catch (error) {
        sink.fail(error);
      }
    });
  }

  stream(
    command: string,
    args?: unknown,
    options: CallOptions = noOptions,
  ): AsyncIterableIterator<unknown, undefined> {
    return new PooledStream(this, (stream) => {
      const call = this.#prepare(command, args, options, stream, this.#options.streamTimeoutMs);
      this.#streams.set(call, stream);
      this.#submit(call, options);
      return call;
    });
  }

  stats(): PoolStats {
    const { ready, starting } = this.#fleet;
    const all = [...this.#fleet.all()].length;
    return {
      workers: { starting, ready: ready.length, draining: all - ready.length - starting },
      queued: this.#queue.size,
      running: this.#running,
      succeeded: this.#succeeded,
      failed: this.#failed,
    };
  }

  workers(): WorkerInfo[] {
    return [...this.#fleet.all()].map(({ id, pid, phase, load, concurrency }) => ({
      id,
      pid,
      state: phase,
      load,
      concurrency,
    }));
  }

  on<Name extends PoolEventName | "*">(
    name: Name,
    listener: (event: PoolEventOf<Name>) => void,
  ): Disposable {
    return this.#events.on(name, listener);
  }

  emit(event: PoolEvent): void {
    this.#events.emit(event);
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#state.phase === "closing") return this.#state.done;
    const { graceMs = DEFAULT_CLOSE_GRACE_MS } = options;
    if (!(graceMs >= 0)) return Promise.reject(badGrace(graceMs));
    const done = holding(this.#close(graceMs));
    this.#state = { phase: "closing", done };
    return done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    this.#opening.abort(closedError());
    if (graceMs > 0) await this.#idle(graceMs);
    for (const call of this.#queue.drain()) call.fail(closedError());
    await this.#fleet.close();
    await this.#options.adapter.close?.();
  }

  /** Resolves when no call waits or runs, at the latest after `graceMs`. */
  #idle(graceMs: number): Promise<void> {
    if (this.#queue.size === 0 && this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = startTimer(graceMs, resolve);
      this.#onIdle = () => {
        timer[Symbol.dispose]();
        resolve();
      };
    });
  }

  #prepare(
    command: string,
    args: unknown,
    options: CallOptions,
    sink: CallSink,
    defaultTimeoutMs: number,
  ): Call {
    if (this.#state.phase !== "open") throw closedError();
    if (typeof command !== "string" || command === "") throw noCommand(command);
    if (options !== noOptions) checkCallOptions(options);
    options.signal?.throwIfAborted();
    const { commands } = this.#options.adapter;
    if (commands === undefined) {
      return new Call(this, sink, command, args, options.timeoutMs ?? defaultTimeoutMs);
    }
    if (!Object.hasOwn(commands, command)) throw unknownCommand(command, Object.keys(commands));
    const spec = commands[command] ?? {};
    spec.validate?.(args);
    const prepared = spec.prepare === undefined ? args : spec.prepare(args);
    const timeoutMs = options.timeoutMs ?? spec.timeoutMs ?? defaultTimeoutMs;
    const call = new Call(this, sink, command, prepared, timeoutMs);
    // Of a reply: what a stream gives are chunks.
    if (spec.transform !== undefined && sink instanceof PromiseSink) {
      call.transform = (reply) => spec.transform?.(reply);
    }
    return call;
  }

  /** To a free worker, else into the queue. */
  #submit(call: Call, options: CallOptions): void {
    const worker =
      this.#queue.size === 0 ? chooseWorker(this.#fleet.ready, call.command) : undefined;
    if (worker === undefined) this.#enqueue(call);
    // A default deadline waits for the first worker: an installation must not eat it.
    if (options.timeoutMs !== undefined || this.#hasBeenReady) call.arm();
    if (options.signal !== undefined) call.follow(options.signal);
    if (worker !== undefined) this.#assign(call, worker);
  }

  #enqueue(call: Call): void {
    const degraded = this.#fleet.refusal();
    if (degraded === undefined) {
      this.#queue.push(call);
      this.#fleet.schedule();
      // Calls that a worker on its way will take are not waiting for a busy one.
      if (this.#queue.size <= this.#options.maxQueue + this.#fleet.slotsComing) return;
      this.#queue.delete(call);
    }
    this.#streams.delete(call);
    throw degraded ?? this.#queueFull();
  }

  #queueFull(): SnakepitError<"QUEUE_FULL"> {
    const { maxQueue } = this.#options;
    const oldest = this.#queue.first;
    const workers = this.#fleet.ready.length;
    return queueFullError({ queued: this.#queue.size, maxQueue, workers, oldest });
  }

  #assign(call: Call, worker: Worker): void {
    const stream = this.#streams.get(call);
    if (stream === undefined) {
      this.#running++;
      worker.carry(call);
    } else if (worker.connection?.stream === undefined) {
      this.#streams.delete(call);
      call.fail(cannotStream(this.#options.adapter.name, call.command));
    } else {
      this.#assignStream(call, stream, worker);
    }
  }

  #assignStream(call: Call, stream: PooledStream, worker: Worker): void {
    let source: AsyncIterator<unknown>;
    try {
      source = worker.carryStream(call);
    } catch (error) {
      this.#streams.delete(call); // the adapter refused it: nothing was sent, no slot is taken
      return call.fail(error);
    }
    this.#running++;
    stream.flowFrom(call, source);
  }

  /** FleetOwner: gives waiting calls to free slots. Walks the queue only while there are any. */
  slotFreed(): void {
    if (!this.#hasBeenReady) this.#firstReady();
    const nowMs = this.#queue.size > 0 ? performance.now() : 0;
    for (let call = this.#queue.first; call !== undefined; call = this.#queue.first) {
      if (call.deadlineMs <= nowMs) {
        this.expired(call); // the host was busy when its time came: it is never sent
        continue;
      }
      const worker = chooseWorker(this.#fleet.ready, call.command);
      if (worker === undefined) break;
      this.#queue.delete(call);
      this.#assign(call, worker);
    }
    if (this.#queue.size > 0) this.#fleet.schedule();
  }

  #firstReady(): void {
    this.#hasBeenReady = true;
    const nowMs = performance.now();
    for (const call of this.#queue) {
      if (call.deadlineMs === Number.POSITIVE_INFINITY) call.expireAt(nowMs + call.timeoutMs);
    }
  }

  queued(): number {
    return this.#queue.size;
  }

  callsLost(worker: Worker, count: number): void {
    this.#running -= count;
    for (const call of [...this.#streams.keys()])
      if (call.workerId === worker.id) this.#streams.delete(call);
    this.#checkIdle();
  }

  degraded(error: SnakepitError<string>): void {
    for (const call of this.#queue.drain()) {
      this.#streams.delete(call);
      call.fail(error);
    }
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#running === 0 && this.#queue.size === 0) this.#onIdle?.();
  }

  /** CallOwner */
  expired(call: Call): void {
    const stream = this.#streams.get(call);
    const endMs = call.createdMs + call.timeoutMs;
    if (stream === undefined || performance.now() >= endMs)
      this.#leave(call, timeoutError(call, call.timeoutMs));
    else if (stream.isWaiting) this.#leave(call, timeoutError(call, this.#options.chunkTimeoutMs));
    else call.expireAt(endMs); // nobody waits for a chunk
  }

  /** CallOwner */
  aborted(call: Call, reason: unknown): void {
    this.#leave(call, reason);
  }

  /** StreamOwner */
  left(call: Call): void {
    call.succeed(undefined); // it has what it wanted
    this.#letGo(call, cancelledError(call, "the reader has left"));
  }

  /** CallOwner */
  abandoned(call: Call): void {
    const worker = this.#fleet.worker(call.workerId);
    if (worker === undefined) return;
    const { callId, command } = call;
    this.#events.emit({ name: "call-abandoned", workerId: worker.id, callId, command });
    worker.abandon(call);
  }

  /** The caller is answered at once; the slot stays taken until the worker confirms. */
  #leave(call: Call, error: unknown): void {
    call.fail(error);
    this.#letGo(call, error);
  }

  #letGo(call: Call, reason: unknown): void {
    if (this.#queue.delete(call)) {
      this.#streams.delete(call);
      this.#checkIdle();
      return;
    }
    call.requestCancel(reason, this.#options.cancelGraceMs);
    const confirm = () => this.ended(call);
    this.#streams.get(call)?.endSource().then(confirm, confirm);
  }

  /** StreamOwner */
  waiting(call: Call): void {
    const endMs = call.createdMs + call.timeoutMs;
    call.expireAt(Math.min(performance.now() + this.#options.chunkTimeoutMs, endMs));
  }

  /** StreamOwner */
  ended(call: Call, failure?: { readonly error: unknown }): void {
    if (!this.#streams.delete(call)) return;
    if (this.#fleet.worker(call.workerId)?.release(call) !== true) return;
    if (failure === undefined) call.succeed(undefined);
    else call.fail(failure.error);
  }

  /** CallOwner */
  answered(outcome: "succeeded" | "failed"): void {
    if (outcome === "succeeded") this.#succeeded++;
    else this.#failed++;
  }

  /** FleetOwner */
  callDone(): void {
    this.#running--;
    this.#checkIdle();
  }
}

function checkCallOptions(options: CallOptions): void {
  if (areGood(options)) return; // without an array or a string, as nearly all of them are
  const problems = checkKnownKeys("call options", options, ["signal", "timeoutMs"]);
  const timeoutMs: unknown = options?.timeoutMs;
  if (timeoutMs !== undefined) problems.push(...checkTimeout("timeoutMs", timeoutMs));
  throw new SnakepitError("INVALID_ARGUMENT", problems.join("; "), { outcome: "not-started" });
}

function areGood(options: CallOptions): boolean {
  if (typeof options !== "object" || options === null) return false;
  for (const key in options) if (key !== "signal" && key !== "timeoutMs") return false;
  const { timeoutMs } = options;
  return timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs > 0);
}

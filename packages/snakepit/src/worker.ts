import type { Connection } from "./adapter.ts";
import type { Call } from "./call.ts";
import { crashCause } from "./crash.ts";
import { EndListeners } from "./end-listeners.ts";
import type { StopReason } from "./events.ts";
import { EXIT_REPORT_MS, lastLines } from "./exit-report.ts";
import type { WorkerExit, WorkerProcess } from "./launcher.ts";
import { kernelKills } from "./local/kernel-kills.ts";
import type { ResolvedPoolOptions } from "./options.ts";
import { cancelledError } from "./pool-errors.ts";
import { Pulse } from "./pulse.ts";
import { Redaction } from "./redact.ts";
import type { PoolSession } from "./session.ts";
import { type CallEnd, Slots, type SlotsOwner } from "./slots.ts";
import { delay } from "./timer.ts";
import { exitError, startCancelled, type WorkerEnd } from "./worker-errors.ts";
import { hearsFor } from "./worker-hearing.ts";
import { WorkerHistory } from "./worker-history.ts";
import type { WorkerOwner } from "./worker-owner.ts";
import { goodbye, type StartOptions, startWorker } from "./worker-start.ts";
import type { SuspectCause, WorkerPhase, WorkerState } from "./worker-state.ts";

export type WorkerOptions = StartOptions &
  Pick<ResolvedPoolOptions, "stopGraceMs" | "drainMs" | "heartbeatMs" | "hungMs" | "hungKillMs">;

/** One process, the connection to it, and the calls on it, from its start to its end. */
export class Worker implements SlotsOwner {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startedAtMs = Date.now();
  /** Knows the secrets of its environment, so that nothing it says shows them. */
  readonly redaction = new Redaction();
  /** On the pool's clock; when it became ready. */
  readySinceMs = 0;
  /** When last measured. */
  memoryBytes: number | undefined = undefined;
  /** It will go when its replacement is there. */
  retiring: StopReason | undefined = undefined;
  /** Sessions that are at home here. */
  readonly sessions = new Set<PoolSession>();
  readonly history = new WorkerHistory();
  readonly #options: WorkerOptions;
  readonly #owner: WorkerOwner;
  readonly #slots: Slots;
  readonly #pulse: Pulse;
  #kernelKills: number | undefined;
  #drainTimer: Disposable | undefined;
  readonly #endListeners: EndListeners;
  #started: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** What was wrong with the connection or the memory, if that is why it ended. */
  #fault: Error | undefined;
  #state: WorkerState = { phase: "starting", abort: new AbortController() };

  constructor(id: string, options: WorkerOptions, owner: WorkerOwner) {
    this.id = id;
    this.#options = options;
    this.#owner = owner;
    this.#endListeners = new EndListeners(options.clock);
    this.#slots = new Slots(this);
    this.#pulse = new Pulse(options, this.#slots);
  }

  /** Calls that it holds. */
  get load(): number {
    return this.#slots.load;
  }

  get concurrency(): number {
    return this.#slots.concurrency;
  }

  /** It holds calls that would be as well off on any other worker. */
  get hasStrangers(): boolean {
    return this.#slots.hasStrangers;
  }

  /** Those that it has said to know. */
  get commands(): ReadonlySet<string> | "any" {
    return this.#slots.commands;
  }

  /** Of its calls, those that wait for something of the host's. */
  get parked(): number {
    return this.#slots.parked;
  }

  /** Calls that it has answered, well or badly. */
  get calls(): number {
    return this.#slots.answered;
  }

  /** Calls that failed on it, whatever the reason. */
  get errors(): number {
    return this.#slots.errors;
  }

  /** On the pool's clock; undefined while it holds calls. */
  get idleSinceMs(): number | undefined {
    return this.#slots.idleSinceMs;
  }

  /** How many calls of this command it may hold; for the scheduler. */
  room(command: string): number {
    return this.#slots.room(command);
  }

  get phase(): WorkerPhase {
    return this.#state.phase;
  }

  /** Why it takes no more calls; undefined while it may yet. */
  get stopReason(): StopReason | undefined {
    return "reason" in this.#state ? this.#state.reason : undefined;
  }

  get process(): WorkerProcess | undefined {
    return "process" in this.#state ? this.#state.process : undefined;
  }

  get connection(): Connection | undefined {
    return "connection" in this.#state ? this.#state.connection : undefined;
  }

  get sessionCount(): number {
    return this.sessions.size;
  }

  /** A session keeps something here that cannot be moved. */
  get pinned(): boolean {
    for (const session of this.sessions) if (session.isPinned) return true;
    return false;
  }

  /** Has answered at least one call: whatever ends it now is no failed start. */
  get served(): boolean {
    return this.calls > 0;
  }

  /** @throws SnakepitError WORKER_START_FAILED, with the worker's last stderr lines */
  start(): Promise<void> {
    if (this.#state.phase !== "starting") throw new Error(`worker ${this.id} was started before`);
    this.#started = this.#start(this.#state.abort);
    return this.#started;
  }

  async #start(abort: AbortController): Promise<void> {
    this.#kernelKills = kernelKills();
    try {
      const { process, connection } = await startWorker(
        this.id,
        this.#options,
        hearsFor(this, this.#owner),
        abort,
        this.redaction,
      );
      this.#becomeReady(process, connection);
    } catch (error) {
      this.#state = { phase: "stopped", reason: "exited" };
      throw error;
    }
  }

  #becomeReady(child: WorkerProcess, connection: Connection): void {
    this.#slots.open(connection);
    this.readySinceMs = this.#options.clock.now();
    this.#state = { phase: "ready", process: child, connection };
    this.history.note("ready");
    void child.exited.then((exit) => this.#gone("exited", exit));
    const lost = (fault: Error | undefined) => this.#connectionLost(fault);
    void connection.closed?.then(lost, lost);
    connection.watchReach?.({
      lost: () => this.#suspect("unreachable", "unreachable: its connection was lost"),
      back: () => this.#recover("unreachable", "back: it has dialled in again"),
    });
  }

  /** Sends a call. The caller has made sure that there is room. */
  carry(call: Call): void {
    this.#slots.carry(call, this.#open);
  }

  /**
   * Opens a stream. The caller has made sure that there is room, and releases it when the worker is
   * done.
   */
  carryStream(call: Call): AsyncIterator<unknown> {
    const connection = this.#open;
    if (connection.stream === undefined) throw new Error(`worker ${this.id} cannot stream`);
    return this.#slots.carryStream(call, connection.stream.bind(connection));
  }

  get #open(): Connection {
    const { connection } = this;
    if (connection === undefined) throw new Error(`worker ${this.id} is ${this.phase}`);
    return connection;
  }

  /** The worker is done with a call. False when the worker was gone already. */
  release(call: Call, end: CallEnd): boolean {
    return this.#slots.release(call, end);
  }

  /** Its calls of a session. */
  callsOf(session: PoolSession): Call[] {
    return this.#slots.ofSession(session);
  }

  /** SlotsOwner */
  left(): void {
    if (this.#state.phase === "draining") this.#stopWhenDrained();
  }

  /** SlotsOwner */
  freed(end: CallEnd): void {
    this.#owner.freed(this, end);
  }

  /** SlotsOwner */
  retry(call: Call, error: unknown): boolean {
    return this.#owner.retry(call, error);
  }

  /** SlotsOwner */
  cleaned(error: unknown): unknown {
    return this.redaction.value(error);
  }

  /** SlotsOwner */
  async exitReport(): Promise<WorkerExit | undefined> {
    return Promise.race([this.process?.exited, delay(EXIT_REPORT_MS)]);
  }

  /** The last that it wrote to stderr. */
  lastLines(): string {
    return this.redaction.text(lastLines(this.process?.stderrTail() ?? ""));
  }

  /** SlotsOwner */
  note(what: string): void {
    this.history.note(what);
  }

  /** Takes back what was sent and not begun, if nothing was heard for so long. */
  recall(afterMs: number): void {
    this.connection?.recall?.(afterMs);
  }

  /** See `Slots`. */
  takesAgain(): boolean {
    return this.#slots.takesAgain();
  }

  /** A call of this worker begins or ends to wait for the host. */
  park(call: Call, isParked: boolean): void {
    this.#slots.park(call, isParked);
  }

  /** A cancelled call was not confirmed: no new calls, and the end as soon as nobody else is hurt. */
  abandon(call: Call): void {
    if (!this.#slots.carries(call)) return;
    this.history.note(`${call.command} ignored its cancel`);
    this.#slots.abandon(call);
    this.drain("cancel-ignored");
    this.#drainTimer ??= this.#options.clock.startTimer(this.#options.drainMs, () =>
      this.#kill("cancel-ignored"),
    );
    this.#stopWhenDrained();
  }

  /** No new calls; the end comes with that of the last one that it has. */
  drain(reason: StopReason): void {
    this.#withdraw(reason);
    this.#stopWhenDrained();
  }

  #withdraw(reason: StopReason): void {
    const state = this.#state;
    if (state.phase !== "ready" && state.phase !== "suspect") return;
    this.history.note(`draining: ${reason}`);
    const { process: child, connection } = state;
    this.#state = { phase: "draining", process: child, connection, reason };
    this.#owner.withdrawn(this);
  }

  #stopWhenDrained(): void {
    if (this.#state.phase !== "draining" || !this.#slots.isDone) return;
    // An abandoned call ignores requests, so that it is not worth waiting for.
    void this.stop(this.#state.reason, {
      graceMs: this.#slots.hasAbandoned ? 0 : this.#options.stopGraceMs,
    });
  }

  /** Notices since when it has been idle. */
  watchIdle(nowMs: number): void {
    this.#slots.watchIdle(nowMs);
  }

  /** Listens whether it still lives; called at each tick with the time that the host was awake. */
  checkVitals(ranMs: number): void {
    const { connection } = this;
    // Of one that cannot be reached its connection says when it is given up.
    if (connection === undefined || this.#isSuspect("unreachable")) return;
    switch (this.#pulse.look(connection, ranMs)) {
      case "well":
        return this.#recover("silent", "heard again");
      case "ask":
        return;
      case "suspect":
        this.#suspect("silent", `suspect: silent for ${this.#pulse.silentMs} ms`);
        // Neither confirms a cancel nor answers a ping: nobody on it makes progress.
        if (this.#slots.hasAbandoned) this.#kill("cancel-ignored");
        return;
      case "hung":
        // For good: its replacement may start, and it goes when nobody waits for its calls.
        this.#withdraw("hung");
        if (!this.#slots.isAwaited) this.#kill("hung");
        return;
      case "lost":
        this.#kill("hung");
    }
  }

  #suspect(because: SuspectCause, note: string): void {
    const state = this.#state;
    if ((state.phase !== "ready" && state.phase !== "suspect") || this.#isSuspect(because)) return;
    this.history.note(note);
    this.#state = { ...state, phase: "suspect", because };
    if (state.phase === "ready") this.#owner.withdrawn(this);
  }

  #recover(because: SuspectCause, note: string): void {
    const state = this.#state;
    if (state.phase !== "suspect" || state.because !== because) return;
    this.history.note(note);
    const { process: child, connection } = state;
    this.#state = { phase: "ready", process: child, connection };
    this.#owner.recovered(this);
  }

  #isSuspect(because: SuspectCause): boolean {
    return this.#state.phase === "suspect" && this.#state.because === because;
  }

  /** Ends it for what it has used; its calls fail with `error`. */
  exceeded(error: Error): void {
    this.#fault = error;
    this.#kill("memory-exceeded");
  }

  #kill(reason: StopReason): void {
    void this.stop(reason, { graceMs: 0 });
  }

  /** Ends the worker whatever it does; what it has not finished is lost. Idempotent. */
  stop(reason: StopReason, options: { readonly graceMs: number }): Promise<void> {
    if (reason === "pool-closed") this.#cancelAll();
    if (this.#stopping !== undefined && options.graceMs === 0) void this.process?.stop(options);
    this.#stopping ??= this.#stop(reason, options.graceMs);
    return this.#stopping;
  }

  /** Before the goodbye, of which an adapter makes errors of its own. */
  #cancelAll(): void {
    this.#slots.failAll((call) => cancelledError(call, "the pool was closed before it had ended"));
  }

  async #stop(reason: StopReason, graceMs: number): Promise<void> {
    if (this.#state.phase === "starting") {
      this.#state.abort.abort(startCancelled);
      // Until its process is gone; or, had it just become ready, to end it below.
      await this.#started?.catch(() => {});
    }
    this.#withdraw(reason);
    if (this.#state.phase !== "draining") return;
    const { process: child, connection } = this.#state;
    if (graceMs > 0) {
      // A goodbye that hangs must not hold up the signal.
      await Promise.race([goodbye(connection), delay(graceMs)]);
    }
    const exit = await child.stop({ graceMs });
    this.#gone(reason, exit);
  }

  /** Calls back when it is gone. */
  onEnd(listener: () => void): Disposable {
    return this.#endListeners.add(listener);
  }

  /** Whether it is gone by then. */
  endsWithin(graceMs: number): Promise<boolean> {
    if (this.phase === "stopped") return Promise.resolve(true);
    return this.#endListeners.within(graceMs);
  }

  async #connectionLost(fault: Error | undefined): Promise<void> {
    this.#fault ??= fault && this.redaction.error(fault);
    if (this.#stopping !== undefined || this.#state.phase === "stopped") return;
    this.#withdraw("connection-lost");
    if ((await this.exitReport()) !== undefined) return; // `exited` has told it all
    await this.stop("connection-lost", { graceMs: 0 });
  }

  #gone(reason: StopReason, exit: WorkerExit): void {
    if (!("process" in this.#state)) return;
    const { process: child, connection } = this.#state;
    const end = this.#endOf(child, reason, exit);
    this.#state = { phase: "stopped", reason: end.reason };
    this.history.note(`stopped: ${end.reason}`);
    this.#drainTimer?.[Symbol.dispose]();
    void goodbye(connection);
    const lost = this.#slots.drain();
    // Nothing of the group may live on behind a worker that ended by itself.
    void child.stop({ graceMs: 0 });
    this.#owner.stopped(this, {
      reason: end.reason,
      exit,
      cause: end.cause,
      lostCalls: lost.length,
      stderr: end.stderr,
    });
    this.#endListeners.tell();
    // After the pool knows: a call that is tried again must not come back here.
    for (const call of lost) this.#lose(call, end);
  }

  #lose(call: Call, end: WorkerEnd): void {
    const error = exitError(call, end);
    if (!this.#owner.retry(call, error)) call.fail(error);
  }

  #endOf(child: WorkerProcess, reason: StopReason, exit: WorkerExit): WorkerEnd {
    const drained = this.#state.phase === "draining" ? this.#state.reason : reason;
    // A socket that closes is how a death shows first; the report of it says more.
    const why = drained === "connection-lost" && reason === "exited" ? reason : drained;
    const stderr = this.redaction.text(child.stderrTail());
    const wanted = this.#stopping !== undefined;
    const kernelKilled =
      !wanted && (kernelKills() ?? 0) > (this.#kernelKills ?? Number.POSITIVE_INFINITY);
    const cause = crashCause({ exit, wanted, stderr, kernelKilled });
    const { history } = this;
    return { workerId: this.id, reason: why, exit, stderr, fault: this.#fault, cause, history };
  }
}

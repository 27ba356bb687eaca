import type { CommandSpec } from "./adapter.ts";
import { Call, type CallSink, type CallStream } from "./call.ts";
import { checkCallOptions, noCallOptions } from "./call-options.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { ancestor, depthBelow } from "./host-work.ts";
import type { ResolvedPoolOptions } from "./options.ts";
import type { CallOptions } from "./pool.ts";
import {
  closedError,
  noCommand,
  parentEnded,
  refusedArguments,
  unknownCommand,
} from "./pool-errors.ts";
import type { PoolSession } from "./session.ts";
import { scopedSession } from "./session-scope.ts";

/** The pool, as its intake sees it. */
export interface IntakeOwner {
  readonly isOpen: boolean;
}

/** Checks what comes in, and makes calls of it. */
export class CallIntake {
  readonly #pool: IntakeOwner;
  readonly #options: ResolvedPoolOptions;
  readonly #dispatcher: Dispatcher;

  constructor(pool: IntakeOwner, options: ResolvedPoolOptions, dispatcher: Dispatcher) {
    this.#pool = pool;
    this.#options = options;
    this.#dispatcher = dispatcher;
  }

  /** @throws whatever the call is refused with; `sink` hears what becomes of it afterwards */
  submit(
    command: string,
    args: unknown,
    options: CallOptions,
    session: PoolSession | undefined,
    sink: CallSink,
    stream: CallStream | undefined,
  ): Call {
    const parent = ancestor();
    // While a pool closes, its running calls may still need others to end.
    if (!this.#pool.isOpen && !this.#carries(parent)) throw closedError();
    if (typeof command !== "string" || command === "") throw noCommand(command);
    const belongs = session ?? this.#inherited(parent) ?? scopedSession(this.#pool);
    if (options !== noCallOptions) checkCallOptions(options, belongs !== undefined);
    options.signal?.throwIfAborted();
    const call = this.#make(command, args, options, sink, stream);
    if (parent !== undefined) serve(call, parent);
    const opening = this.#enter(call, options, belongs);
    const isTimed = options.timeoutMs !== undefined || parent !== undefined;
    if (opening === undefined) this.#dispatcher.submit(call, isTimed);
    else this.#dispatcher.submitAfter(opening, call, isTimed);
    // Not before: a call that was refused has had its answer, and must not hear of an abort.
    if (options.signal !== undefined && !call.settled) call.follow(options.signal);
    call.joinParent();
    return call;
  }

  #make(
    command: string,
    args: unknown,
    options: CallOptions,
    sink: CallSink,
    stream: CallStream | undefined,
  ): Call {
    const spec = this.#spec(command);
    const { callTimeoutMs, streamTimeoutMs } = this.#options;
    const defaultTimeoutMs = stream === undefined ? callTimeoutMs : streamTimeoutMs;
    const call = new Call(this.#dispatcher.endings, {
      command,
      args: spec === undefined ? args : prepared(command, args, spec),
      sink,
      stream,
      timeoutMs: options.timeoutMs ?? spec?.timeoutMs ?? defaultTimeoutMs,
    });
    // Of a reply: what a stream gives are chunks.
    if (stream === undefined && spec?.transform !== undefined)
      call.transform = (reply) => spec.transform?.(reply);
    const queueTimeoutMs = options.queueTimeoutMs ?? this.#options.queueTimeoutMs;
    if (queueTimeoutMs !== Number.POSITIVE_INFINITY) call.queueTimeoutMs = queueTimeoutMs;
    if (options.idempotent === true) call.idempotent = true;
    if (options.correlationId !== undefined) call.correlationId = options.correlationId;
    return call;
  }

  #spec(command: string): CommandSpec | undefined {
    const { commands } = this.#options.adapter;
    if (commands === undefined) return undefined;
    if (!Object.hasOwn(commands, command)) throw unknownCommand(command, Object.keys(commands));
    return commands[command];
  }

  /** What the call has to wait for: a session that the store has not found yet. */
  #enter(
    call: Call,
    options: CallOptions,
    session: PoolSession | undefined,
  ): Promise<void> | undefined {
    if (session === undefined) return undefined;
    const opening = session.open();
    call.session = session;
    session.openCalls++;
    call.affinity = options.affinity ?? session.affinity;
    // What the store knows of an older session counts, where its caller has not said otherwise.
    return opening?.then(() => {
      call.affinity = options.affinity ?? session.affinity;
    });
  }

  /** Whether this pool runs that call. */
  #carries(call: Call | undefined): boolean {
    return this.#dispatcher.fleet.worker(call?.workerId) !== undefined;
  }

  /** A nested call belongs to the session of the call that it serves, if that is of this pool. */
  #inherited(parent: Call | undefined): PoolSession | undefined {
    return this.#carries(parent) ? parent?.session : undefined;
  }
}

function prepared(command: string, args: unknown, spec: CommandSpec): unknown {
  try {
    spec.validate?.(args);
    return spec.prepare === undefined ? args : spec.prepare(args);
  } catch (error) {
    throw refusedArguments(command, error);
  }
}

/** Makes it a nested call. @throws what ended the call that it would serve, if it has ended */
function serve(call: Call, parent: Call): void {
  if (parent.settled) throw parentEnded(call, parent, parent.signal.reason);
  call.serve(parent, depthBelow(parent, call.command));
}

import type { CallContext, CallSession, CancelListener } from "../../adapter.ts";

/** What a pool would hand to a connection, for a call that is made without one. */
export class LoneCall implements CallContext {
  readonly callId = "contract-call";
  readonly deadlineMs = Number.POSITIVE_INFINITY;
  readonly session: CallSession | undefined;
  readonly #controller = new AbortController();
  #listener: CancelListener | undefined;

  constructor(session?: CallSession) {
    this.session = session;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  onCancel(listener: CancelListener): void {
    this.#listener = listener;
  }

  async callHost<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    return work();
  }

  cancel(): void {
    this.#listener?.cancel();
    this.#controller.abort(new Error("the caller has gone"));
  }
}

import type { TraceFrame, TraceListener } from "./adapter.ts";

/** Tells whoever watches a connection of each frame. */
export class FrameTap {
  readonly #listeners = new Set<TraceListener>();
  /** undefined while nobody listens: looking at it is all that a frame costs then. */
  tell: TraceListener | undefined = undefined;

  /** Dispose of what it returns to stop listening. */
  listen(listener: TraceListener): Disposable {
    // Each registration is its own, also of a function that listens twice.
    const own: TraceListener = (frame) => listener(frame);
    this.#listeners.add(own);
    this.tell = this.#tellAll;
    return { [Symbol.dispose]: () => this.#forget(own) };
  }

  #forget(listener: TraceListener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.tell = undefined;
  }

  readonly #tellAll = (frame: TraceFrame): void => {
    for (const listener of this.#listeners) {
      try {
        listener(frame);
      } catch (error) {
        // Who watches must not harm what is watched: the frame goes on, and the listener goes.
        this.#forget(listener);
        process.emitWarning(`a trace listener threw: ${String(error)}`, "SnakepitWarning");
      }
    }
  };
}

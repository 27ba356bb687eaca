/** One way to have work done, opened and ready. Ours and its peers look alike from here. */
export interface Contestant extends AsyncDisposable {
  readonly name: string;
  /** `a + b`, added up by the other side. */
  add?(a: number, b: number): Promise<number>;
  /** So many chunks of 32 characters. */
  count?(chunks: number): AsyncIterable<unknown>;
  /** Starts so many workers; resolves when all are ready and idle. */
  start?(workers: number): Promise<IdleWorkers>;
  readonly queue?: Queue;
  readonly store?: StoreLoad;
}

/** One of `RECORDS` records is read or written, whatever it holds. */
export interface StoreLoad {
  get(record: number): unknown;
  set(record: number): unknown;
}

/** Disposing of them ends them, and resolves when they are gone. */
export interface IdleWorkers extends AsyncDisposable {
  readonly pids: readonly number[];
}

/** In front of one worker that does one thing at a time. */
export interface Queue {
  /** How many calls are to wait in it. */
  readonly length: number;
  /** Keeps the worker busy until the function is called that this resolves with. */
  occupy(): Promise<() => void>;
  call(signal?: AbortSignal): Promise<unknown>;
}

/** A contestant that may not be there: its package or its Python library is not installed. */
export interface Entry {
  readonly name: string;
  open(): Promise<Contestant>;
}

export const chunkLength = 32;

import type { Plan } from "./rounds.ts";

/** One way to have work done, opened and ready. Ours and its peers look alike from here. */
export interface Contestant extends AsyncDisposable {
  readonly name: string;
  /** `a + b`, added up by the other side. */
  add?(a: number, b: number): Promise<number>;
  /** So many chunks of 32 characters. */
  count?(chunks: number): AsyncIterable<unknown>;
  /** Which of two classes the model finds a row of 8 numbers to be of. */
  classify?(row: readonly number[]): Promise<{ readonly label: number }>;
  /** There and back: in Python an array, or whatever the contestant has for one. */
  echo?(array: Float32Array): Promise<ArrayBufferView>;
  /** Asks whether the other side is well. */
  check?(): Promise<void>;
  /** Resolves when one more connection is ready for calls. */
  connect?(): Promise<OpenConnection>;
  /** Kills the process of the other side, without a warning. Somebody starts another one. */
  crash?(): void;
  /** That have travelled so far, in both directions. */
  wireBytes?(): number;
  /** Starts so many workers; resolves when all are ready and idle. */
  start?(workers: number): Promise<IdleWorkers>;
  /** It starts no more, and what more would take is reckoned from these. */
  readonly mostStarts?: number;
  readonly queue?: Queue;
  readonly store?: StoreLoad;
}

/** One of `RECORDS` records is read or written, whatever it holds. */
export interface StoreLoad {
  get(record: number): unknown;
  set(record: number): unknown;
}

/** Disposing of it closes it, and resolves when it is gone. */
export interface OpenConnection extends AsyncDisposable {
  /** From the moment the processes on both sides were there, in ms. */
  readonly connectMs: number;
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
  open(plan: Plan): Promise<Contestant>;
}

export const chunkLength = 32;

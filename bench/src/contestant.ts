/** One way to call Python, opened and ready. Ours and its peers look alike from here. */
export interface Contestant extends AsyncDisposable {
  readonly name: string;
  /** `a + b`, added up by the other side. */
  add?(a: number, b: number): Promise<number>;
  /** So many chunks of 32 characters. */
  count?(chunks: number): AsyncIterable<unknown>;
}

/** A contestant that may not be there: its package or its Python library is not installed. */
export interface Entry {
  readonly name: string;
  open(): Promise<Contestant>;
}

export const chunkLength = 32;

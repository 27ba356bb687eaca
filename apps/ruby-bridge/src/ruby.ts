import { type CallOptions, createPool, type Pool, type PoolOptions } from "snakepit";
import { rubyAdapter } from "./adapter.ts";

export interface Day {
  /** "2024-02-29" */
  readonly iso: string;
  readonly weekday: string;
  /** By ISO 8601. */
  readonly week: number;
  readonly dayOfYear: number;
}

/** A prime number and how often it divides the given one. */
export type PrimeFactor = readonly [prime: number, exponent: number];

/** What `worker.rb` can do: what each function takes, and gives or streams. */
type Functions = {
  readonly titleize: { readonly args: string; readonly reply: string };
  readonly parse_date: { readonly args: string; readonly reply: Day };
  readonly markdown_table: { readonly args: string; readonly reply: string };
  readonly prime_factors: { readonly args: number; readonly reply: readonly PrimeFactor[] };
  readonly primes: { readonly chunk: number };
  readonly days: { readonly args: readonly [from: string, to: string]; readonly chunk: Day };
};

/** Some of Ruby's standard library, as typed functions. Every error is a `SnakepitError`. */
export class Ruby implements AsyncDisposable {
  readonly pool: Pool<Functions>;

  private constructor(pool: Pool<Functions>) {
    this.pool = pool;
  }

  static async start(options: Omit<PoolOptions, "adapter"> = {}): Promise<Ruby> {
    return new Ruby(await createPool<Functions>({ ...options, adapter: rubyAdapter() }));
  }

  /** "the lord of the rings" becomes "The Lord of the Rings". */
  titleize(text: string, options?: CallOptions): Promise<string> {
    return this.pool.execute("titleize", text, options);
  }

  /** Understands "3rd Feb 2001", "2001-W05-6", "20010203" and whatever else `Date.parse` does. */
  parseDate(text: string, options?: CallOptions): Promise<Day> {
    return this.pool.execute("parse_date", text, options);
  }

  /** The first line of the CSV names the columns. */
  markdownTable(csv: string, options?: CallOptions): Promise<string> {
    return this.pool.execute("markdown_table", csv, options);
  }

  /** Takes long for large primes; Ruby does not listen meanwhile, and is replaced when it is left. */
  primeFactors(number: number, options?: CallOptions): Promise<readonly PrimeFactor[]> {
    return this.pool.execute("prime_factors", number, options);
  }

  /** All of them, one by one, for as long as you read. */
  primes(options?: CallOptions): AsyncIterable<number> {
    return this.pool.stream("primes", undefined, options);
  }

  /** Both ends included. */
  days(from: string, to: string, options?: CallOptions): AsyncIterable<Day> {
    return this.pool.stream("days", [from, to], options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.pool.close();
  }
}

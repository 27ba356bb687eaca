/** Eight buckets for each doubling, so that a percentile is right to a sixteenth. */
const BITS = 3;
const MANTISSA_BITS = 23;
const SHIFT = MANTISSA_BITS - BITS;
/** Of a 32-bit float: what stands for a power of two of 0. */
const EXPONENT_BIAS = 127;
/** The first bucket begins at 2^-10 ms, about a microsecond; the last ends at 2^27 ms, 37 hours. */
const FIRST_POWER = -10;
const LAST_POWER = 27;
const OFFSET = (FIRST_POWER + EXPONENT_BIAS) << BITS;
const BUCKETS = (LAST_POWER - FIRST_POWER) << BITS;

/** One number, looked at as a float and as its bits: the exponent and the first bits behind it. */
const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/**
 * How often which length of time was seen, in a fixed 2.4 KB, whatever is put in. The buckets grow
 * with the length, as in Prometheus' native and OpenTelemetry's exponential histograms; finding one
 * needs no logarithm.
 */
export class Histogram {
  // Floats, because 32 bits are full after half a day of 100,000 calls per second.
  readonly #counts = new Float64Array(BUCKETS);
  #size = 0;
  #maxMs = 0;

  get size(): number {
    return this.#size;
  }

  /** Exact. */
  get maxMs(): number {
    return this.#maxMs;
  }

  /** `times`: how many it stands for. */
  add(lengthMs: number, times = 1): void {
    float[0] = lengthMs;
    const bucket = Math.min(Math.max(((bits[0] as number) >> SHIFT) - OFFSET, 0), BUCKETS - 1);
    this.#counts[bucket] = (this.#counts[bucket] as number) + times;
    this.#size += times;
    if (lengthMs > this.#maxMs) this.#maxMs = lengthMs;
  }

  /** The length that `share` (0 to 1) of all do not exceed; 0 when there are none. */
  percentileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(this.#size * share));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS && this.#size > 0; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= rank) return Math.min(middleMs(bucket), this.#maxMs);
    }
    return 0;
  }
}

function middleMs(bucket: number): number {
  return (startMs(bucket) + startMs(bucket + 1)) / 2;
}

function startMs(bucket: number): number {
  bits[0] = (bucket + OFFSET) << SHIFT;
  return float[0] as number;
}

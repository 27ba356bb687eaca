import type { Contestant } from "./contestant.ts";
import { type Sample, timed } from "./timed.ts";

const CALLS = 1_000;

/** Bytes of one call and its answer, with all that goes with them, one call at a time. */
export async function messageBytes({ name, add, wireBytes }: Contestant): Promise<Sample> {
  if (add === undefined || wireBytes === undefined) throw new Error(`${name} counts no bytes`);
  return timed(async () => {
    const before = wireBytes();
    for (let call = 0; call < CALLS; call++) await add(call, 2);
    const bytes = wireBytes() - before;
    if (bytes === 0) throw new Error(`${name} has counted no byte of ${CALLS} calls`);
    return { operations: CALLS, values: () => ({ bytes: bytes / CALLS }) };
  });
}

const ARRAY_BYTES = 64 * 1024 * 1024;
let sent: Float32Array | undefined;

/** 64 MiB of float32 there and back, in ms. What comes back is looked at, outside of the time. */
export async function arrayTime({ name, echo }: Contestant): Promise<Sample> {
  if (echo === undefined) throw new Error(`${name} carries no arrays`);
  sent ??= numbers();
  const array = sent;
  let back: ArrayBufferView | undefined;
  const sample = await timed(async () => {
    back = await echo(array);
    return { operations: 1, values: (elapsedMs) => ({ elapsed: elapsedMs }) };
  });
  if (back === undefined || Buffer.compare(bytesOf(back), bytesOf(array)) !== 0) {
    throw new Error(`${name} changed the array on its way`);
  }
  return sample;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function numbers(): Float32Array {
  const array = new Float32Array(ARRAY_BYTES / 4);
  for (let n = 0; n < array.length; n++) array[n] = n / 7;
  return array;
}

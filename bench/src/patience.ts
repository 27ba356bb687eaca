/** Sixteen starts one after another take a minute on a busy machine; everything else, seconds. */
const PATIENCE_MS = 180_000;

/** A contestant whose process has died may never answer. The others go on without it then. */
export async function patiently<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    const error = new Error(`no end after ${PATIENCE_MS / 1_000} s`);
    timer = setTimeout(() => reject(error), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

import { type Client, createClient, createVerbs, type Dspex } from "./dspex.ts";
import type { Runner } from "./runner.ts";

const slot = Symbol.for("dspex.default");

/**
 * The client behind the module-level functions. It hangs on `globalThis`, so that a module that is
 * loaded a second time (hot reload, a test runner, two copies) does not start a second pool.
 */
function defaultClient(): Client {
  const holder = globalThis as { [slot]?: Client };
  holder[slot] ??= createClient({});
  return holder[slot];
}

/** After `close`, the next call starts anew, with the settings that were configured. */
async function close(options?: { readonly graceMs?: number }): Promise<void> {
  const holder = globalThis as { [slot]?: Client };
  const old = holder[slot];
  if (old === undefined) return;
  holder[slot] = createClient(old.options());
  await old.dspex.close(options);
}

// Asked at each call, because the client behind it may have changed since a predictor was made.
const runner: Runner = {
  predict: (request, options) => defaultClient().runner.predict(request, options),
  stream: (request, options) => defaultClient().runner.stream(request, options),
};

/** The default client: configure it once, use it anywhere. Python starts with the first call. */
export const dspex: Dspex = {
  ...createVerbs(runner),
  configure: (options) => defaultClient().dspex.configure(options),
  close,
  [Symbol.asyncDispose]: () => close(),
};

export const { predict, chainOfThought } = dspex;
export const { ask, classify, summarize, extractEntities, generate, answerWithContext } = dspex;

/** Which model answers, and the sentence that tells the reader so. */
export interface ModelChoice {
  /** DSPy's `provider/name`, or `"demo"`. */
  readonly lm: string;
  readonly notice: string;
  /** Nobody named it: it was found lying around, and may turn out not to work. */
  readonly found: boolean;
  /** Longest wait for one answer: a model on the reader's own machine may answer one at a time. */
  readonly timeoutMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The small, cheap model of each provider: about sixty short calls cost a cent or so. */
const providers = [
  { key: "OPENAI_API_KEY", lm: "openai/gpt-5-mini" },
  { key: "ANTHROPIC_API_KEY", lm: "anthropic/claude-haiku-4-5" },
  { key: "GEMINI_API_KEY", lm: "gemini/gemini-2.5-flash" },
];

const minuteMs = 60_000;

/**
 * `DSPEX_LM` decides if it is set. dspex itself would otherwise use its demo model and never a key
 * that happens to lie in the environment; this program may, because it says so first.
 */
export async function chooseModel(
  environment: Environment,
  localModels: () => Promise<readonly string[]> = ollamaModels,
): Promise<ModelChoice> {
  // 1. The reader has said which.
  const named = environment["DSPEX_LM"];
  if (named === "demo") return demoModel;
  if (named) {
    const notice = `${named}, as DSPEX_LM says.`;
    return { lm: named, notice, found: false, timeoutMs: 5 * minuteMs };
  }

  // 2. A provider's key lies in the environment.
  const provider = providers.find(({ key }) => environment[key]);
  if (provider) {
    const { key, lm } = provider;
    return {
      lm,
      notice: `${lm}, because ${key} is set. About sixty short calls go to it; DSPEX_LM=demo spends nothing.`,
      found: true,
      timeoutMs: minuteMs,
    };
  }

  // 3. Ollama runs on this machine.
  const [local] = (await localModels()).filter((name) => !name.includes("embed"));
  if (local) {
    return {
      lm: `ollama_chat/${local}`,
      notice: `${local}, found in Ollama on this machine. DSPEX_LM=demo is quicker, DSPEX_LM=ollama_chat/<name> picks another.`,
      found: true,
      timeoutMs: 10 * minuteMs,
    };
  }

  // 4. Neither: the model that needs nothing.
  return demoModel;
}

export const demoModel: ModelChoice = {
  lm: "demo",
  notice:
    "the built-in demo model. It needs no key and no download, only compares words and copies " +
    "sentences, and is often wrong. For a real one set OPENAI_API_KEY, ANTHROPIC_API_KEY or " +
    "GEMINI_API_KEY, start Ollama, or name any model in DSPEX_LM.",
  found: false,
  timeoutMs: minuteMs,
};

/** The names of the models that Ollama offers on its default port; none when it does not answer. */
async function ollamaModels(): Promise<readonly string[]> {
  try {
    const reply = await fetch("http://127.0.0.1:11434/api/tags", {
      signal: AbortSignal.timeout(300), // somebody without Ollama should not notice that we asked
    });
    const { models } = (await reply.json()) as { models: { name: string }[] };
    return models.map(({ name }) => name);
  } catch {
    return []; // Nothing listens there, or it is not Ollama: both mean that there is no local model.
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables in which people keep their providers' keys. Others: `<PROVIDER>_API_KEY`. */
const keyVariables: Readonly<Record<string, readonly string[]>> = {
  openai: ["OPENAI_API_KEY"],
  anthropic: ["ANTHROPIC_API_KEY"],
  gemini: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
  groq: ["GROQ_API_KEY"],
  openrouter: ["OPENROUTER_API_KEY"],
  mistral: ["MISTRAL_API_KEY"],
  deepseek: ["DEEPSEEK_API_KEY"],
  xai: ["XAI_API_KEY"],
  moonshot: ["MOONSHOT_API_KEY"],
  together_ai: ["TOGETHER_API_KEY", "TOGETHERAI_API_KEY"],
  fireworks_ai: ["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"],
  cohere: ["COHERE_API_KEY", "CO_API_KEY"],
  perplexity: ["PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"],
  huggingface: ["HF_TOKEN"],
};

/** `"openai"` of `"openai/gpt-5-mini"`. */
export function providerOf(model: string): string {
  return model.slice(0, Math.max(0, model.indexOf("/")));
}

/** Where the key for a model is looked for; the first that is set counts. */
export function keyVariablesOf(model: string): readonly string[] {
  const provider = providerOf(model);
  const usual = `${provider.toUpperCase().replaceAll("-", "_")}_API_KEY`;
  return keyVariables[provider] ?? [usual];
}

export function providerKey(model: string, environment: Environment): string | undefined {
  return keyVariablesOf(model)
    .map((name) => environment[name]?.trim())
    .find((key) => key !== undefined && key !== "");
}

/** The name of a variable that holds some provider's key. */
export function lyingKey(environment: Environment): string | undefined {
  const names = Object.values(keyVariables).flat();
  return names.find((name) => (environment[name] ?? "") !== "");
}

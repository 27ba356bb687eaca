import type { ModelSettings } from "snakepit-grpc-bridge";
import { isObject, type Problem, show, unknownKeys } from "./check.ts";
import { DspexError } from "./errors.ts";
import { type Environment, lyingKey, providerKey, providerOf } from "./provider-keys.ts";

/** Which model answers: a name such as `"openai/gpt-5-mini"` or `"demo"`, or a name with settings. */
export type Lm = string | ModelSettings;

/** How the model of a call was found; `default` is the demo model that nobody asked for. */
export interface ChosenModel {
  readonly settings: ModelSettings;
  readonly source: "program" | "environment" | "default";
}

/**
 * The program decides (`lm`), then `DSPEX_LM`, then the demo model answers. A provider's key that
 * lies in the environment decides nothing: it would start to cost money by itself.
 * @throws DspexError MODEL_NOT_CONFIGURED when nothing was chosen and NODE_ENV is "production"
 */
export function chooseModel(lm: Lm | undefined, environment: Environment): ChosenModel {
  const named = environment["DSPEX_LM"]?.trim() || undefined;
  if (lm !== undefined) {
    const settings = typeof lm === "string" ? { model: lm } : lm;
    return { settings: completed(settings, named, environment), source: "program" };
  }
  if (named !== undefined) {
    const [problem] = lmProblems("DSPEX_LM", named);
    if (problem !== undefined) throw notConfigured(problem);
    return { settings: completed({ model: named }, named, environment), source: "environment" };
  }
  if (environment["NODE_ENV"] === "production") {
    const why =
      "no model is configured, and NODE_ENV is production, where the demo model does not step in";
    throw notConfigured(`${why}; ${waysToSet}`);
  }
  return { settings: { model: "demo" }, source: "default" };
}

/** What the default demo model says of itself, once. Names a key that lies around, never its value. */
export function demoNotice(environment: Environment): string {
  const lying = lyingKey(environment);
  const hint =
    lying === undefined ? "" : `\n  (${lying} is set, but a key alone never chooses a model.)`;
  return (
    "dspex: no model is configured, so the built-in demo model answers. It only extracts and compares text.\n" +
    '  For real answers: dspex.configure({ lm: "openai/gpt-5-mini" }), or set DSPEX_LM. ' +
    `To ask for the demo model by name: lm: "demo".${hint}\n`
  );
}

/** What is wrong with the setting `lm`; keys and addresses are not shown. */
export function lmProblems(where: string, lm: unknown): readonly Problem[] {
  if (typeof lm === "string") return modelNameProblems(where, lm);
  if (!isObject(lm)) {
    const expected = 'a model\'s name such as "openai/gpt-5-mini", or { model, apiBase, … }';
    return [`${where} must be ${expected}; got ${show(lm)}`];
  }
  if (typeof lm["doGenerate"] === "function" || "specificationVersion" in lm) {
    return [
      `${where} is a model object; give the model's name instead, such as "openai/gpt-5-mini"`,
    ];
  }
  const problems = [...unknownKeys(where, lm, settingNames)];
  if (typeof lm["model"] === "string") {
    problems.push(...modelNameProblems(`${where}.model`, lm["model"]));
  } else {
    problems.push(
      `${where}.model must be a name such as "openai/gpt-5-mini"; got ${show(lm["model"])}`,
    );
  }
  for (const [name, isRight, expected] of settingRules) {
    const value = lm[name];
    if (value === undefined || isRight(value)) continue;
    const shown = name === "apiKey" || name === "apiBase" ? `a ${typeof value}` : show(value);
    problems.push(`${where}.${name} must be ${expected}; got ${shown}`);
  }
  return problems;
}

const settingRules: readonly (readonly [
  Exclude<keyof ModelSettings, "model">,
  (value: unknown) => boolean,
  string,
])[] = [
  ["apiBase", isAddress, "an address such as http://localhost:8000/v1"],
  ["apiKey", (value) => typeof value === "string", "text"],
  ["temperature", (value) => isFrom(value, 0), "a number from 0"],
  [
    "maxTokens",
    (value) => Number.isSafeInteger(value) && isFrom(value, 1),
    "a whole number from 1",
  ],
  ["timeoutMs", (value) => isFrom(value, 1), "a number of milliseconds from 1"],
  ["cache", (value) => typeof value === "boolean", "true or false"],
];
const settingNames = ["model", ...settingRules.map(([name]) => name)];

const waysToSet =
  'set one with dspex.configure({ lm: "openai/gpt-5-mini" }), createDspex({ lm }), the option lm of ' +
  'a call, or the environment variable DSPEX_LM; lm: "demo" asks for the demo model by name';

function notConfigured(message: string): DspexError<"MODEL_NOT_CONFIGURED"> {
  return new DspexError("MODEL_NOT_CONFIGURED", message, { outcome: "not-started" });
}

/**
 * Adds the endpoint and the key from the environment. `DSPEX_API_BASE` and `DSPEX_API_KEY` belong
 * to the provider of `DSPEX_LM`; without that variable, to whichever model the program names.
 * So a key never goes to a provider that it was not meant for.
 */
function completed(
  settings: ModelSettings,
  named: string | undefined,
  environment: Environment,
): ModelSettings {
  if (settings.model === "demo") return settings;
  const provider = providerOf(settings.model);
  const isOurs = named === undefined || providerOf(named) === provider;
  const own = (name: string) => (isOurs ? environment[name]?.trim() || undefined : undefined);
  const apiBase = settings.apiBase ?? own("DSPEX_API_BASE");
  const apiKey =
    settings.apiKey ?? own("DSPEX_API_KEY") ?? providerKey(settings.model, environment);
  const all = { ...settings, apiBase, apiKey };
  // A setting that is `undefined` is one that was not set.
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as unknown as ModelSettings;
}

function modelNameProblems(where: string, model: string): readonly Problem[] {
  if (model === "demo" || /^[^/\s]+\/\S+$/.test(model)) return [];
  const expected = '"demo" or provider/name, such as "openai/gpt-5-mini"';
  const provider = usualProviders.find(([start]) => model.startsWith(start))?.[1];
  const hint = provider === undefined ? "" : `; did you mean "${provider}/${model}"?`;
  return [`${where} must be ${expected}; got ${show(model)}${hint}`];
}

const usualProviders: readonly (readonly [string, string])[] = [
  ["gpt-", "openai"],
  ["o3", "openai"],
  ["o4", "openai"],
  ["claude", "anthropic"],
  ["gemini", "gemini"],
  ["llama", "ollama_chat"],
  ["qwen", "ollama_chat"],
];

function isFrom(value: unknown, least: number): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= least;
}

function isAddress(value: unknown): boolean {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  return ["http:", "https:"].includes(new URL(value).protocol);
}

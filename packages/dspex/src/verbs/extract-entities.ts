import { checkCallOptions, type ModelCallOptions } from "../call-options.ts";
import { checkNames, checkText } from "../check.ts";
import { createPredict } from "../modules/predict.ts";
import type { Runner } from "../runner.ts";

export interface ExtractEntitiesOptions<Type extends string> extends ModelCallOptions {
  /** What to look for, in your own words: `["people", "product names"]`. */
  readonly types: readonly Type[];
}

/** Finds the things of each type that a text names. A type of which there are none has `[]`. */
export type ExtractEntities = <const Type extends string>(
  text: string,
  options: ExtractEntitiesOptions<Type>,
) => Promise<{ [Key in Type]: string[] }>;

export function createExtractEntities(runner: Runner): ExtractEntities {
  const extractor = createPredict(runner)(
    "text, types: list[str] -> entities: dict[str, list[str]]",
    {
      instructions:
        "For each of the types, list the entities of that type that the text names, word for word. " +
        "Use the types as keys; a type without entities has an empty list.",
    },
  );
  return async <const Type extends string>(text: string, options: ExtractEntitiesOptions<Type>) => {
    checkText("text", text);
    checkCallOptions("extractEntities", options, ["types"]);
    const { types, ...call } = options ?? {};
    checkNames("types", types, '["people", "places"]');
    const { entities } = await extractor({ text, types: [...types] }, call);
    return byType(types, entities);
  };
}

/** Exactly the types that were asked for; models write some keys in other letters. */
function byType<Type extends string>(
  types: readonly Type[],
  entities: Readonly<Record<string, string[]>>,
): { [Key in Type]: string[] } {
  const found = new Map(Object.entries(entities).map(([key, list]) => [fold(key), list]));
  return Object.fromEntries(
    types.map((type) => [
      type,
      (Object.hasOwn(entities, type) ? entities[type] : found.get(fold(type))) ?? [],
    ]),
  ) as { [Key in Type]: string[] };
}

function fold(key: string): string {
  return key.trim().toLowerCase();
}

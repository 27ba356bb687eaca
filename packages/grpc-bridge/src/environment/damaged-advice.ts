import { promisedModules } from "./installed.ts";
import { managedExtras } from "./managed-environment.ts";
import { setupCommandLine } from "./setup-error.ts";

/**
 * What a person can do when a worker of a managed environment died because a part of that
 * environment cannot be imported. Undefined for any other Python and any other reason, such as a
 * package of the person's own that is not installed.
 */
export function damagedAdvice(
  executable: string,
  stderr: string,
  shippedIn?: string,
): string | undefined {
  if (!/No module named|ImportError/.test(stderr)) return undefined;
  const managed = managedExtras(executable, shippedIn);
  if (managed === undefined) return undefined;
  if (!promisedModules(managed.extras).some((name) => cannotImport(name, stderr))) return undefined;
  return `the Python environment in ${managed.folder} is damaged; mend it with \`${setupCommandLine(managed.extras)}\``;
}

function cannotImport(name: string, stderr: string): boolean {
  // Of the modules inside them only our own and ormsgpack's count: a person may misspell `dspy.x`.
  const inside = name === "snakepit_bridge" || name === "ormsgpack" ? "(?:\\.[\\w.]+)?" : "";
  return [
    `No module named '?${name}${inside}(?:'|\\s|;|$)`,
    `cannot import name .+ from (?:partially initialized module )?'${name}${inside}'`,
    `ImportError: .*site-packages/${name}[/.]`,
  ].some((pattern) => new RegExp(pattern, "m").test(stderr));
}

export { damagedAdvice } from "./damaged-advice.ts";
export { resolvePython } from "./resolve-python.ts";
export { runSetup, type SetupCommand } from "./setup-command.ts";
export { setupCommandLine, setupError } from "./setup-error.ts";
export { extraProblems } from "./shipped.ts";

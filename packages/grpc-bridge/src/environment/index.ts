export { type EnvironmentOptions, ensureEnvironment } from "./managed-environment.ts";
export type { SetupProgress } from "./progress.ts";
export type { ManagedEnvironment } from "./ready-marker.ts";
export { type PythonOptions, type ResolvedPython, resolvePython } from "./resolve-python.ts";
export { runSetup, type SetupCommand } from "./setup-command.ts";

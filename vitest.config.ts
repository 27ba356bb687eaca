import { defineConfig } from "vitest/config";

// For editors and `vitest --watch`; `pnpm test` runs each member on its own, through turbo.
export default defineConfig({ test: { projects: ["packages/*", "test-e2e"] } });

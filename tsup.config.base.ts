import { defineConfig, type Options } from "tsup";

/**
 * JavaScript only: the declarations come from TypeScript 7's own `tsc`, because tsup's `dts` needs
 * the JavaScript compiler API, which TypeScript 7 no longer ships.
 */
export function packageBuild(entry: NonNullable<Options["entry"]>) {
  return defineConfig({
    entry,
    format: "esm",
    target: "node20",
    platform: "node",
    sourcemap: true,
    clean: true,
    splitting: true,
  });
}

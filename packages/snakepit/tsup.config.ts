import { defineConfig } from "tsup";
import { packageBuild } from "../../tsup.config.base.ts";

const library = packageBuild({
  index: "src/index.ts",
  "otel/index": "src/otel/index.ts",
  "process/index": "src/process/index.ts",
  "store/redis/index": "src/store/redis/index.ts",
  "store/sqlite/index": "src/store/sqlite/index.ts",
  "testing/index": "src/testing/index.ts",
  "wire/index": "src/wire/index.ts",
});

/**
 * The command `snakepit`, in one file with the two libraries that it stands on: the package itself
 * has no dependency.
 */
const command = {
  ...packageBuild({ cli: "src/cli/main.ts" }),
  noExternal: ["commander", "cli-table3"],
  // cli-table3 goes without where it is not there; we colour nothing through it.
  external: [/^@colors\//],
  // They are CommonJS, and ask for Node's own modules in its way.
  banner: {
    js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
  },
  splitting: false,
  // The two builds run side by side: each leaves alone what is the other's.
  clean: false,
};

export default defineConfig([{ ...library, clean: ["!cli.js", "!cli.js.map"] }, command]);

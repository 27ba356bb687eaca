/** `./run bench`: all measurements; `--short` and `--json` as bench/README.md says. */
import { runApp } from "./app.ts";
import { runMain } from "./workspace.ts";

await runMain((args) => runApp("bench/src/main.ts", args));

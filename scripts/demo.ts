/** `./run demo`: the quick start. */
import { runApp } from "./app.ts";
import { runMain } from "./workspace.ts";

await runMain((args) => runApp("apps/quickstart/src/main.ts", args));

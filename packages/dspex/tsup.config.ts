import { packageBuild } from "../../tsup.config.base.ts";

export default packageBuild({ index: "src/index.ts", cli: "src/cli.ts" });

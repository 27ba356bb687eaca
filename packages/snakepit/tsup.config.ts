import { packageBuild } from "../../tsup.config.base.ts";

export default packageBuild({
  index: "src/index.ts",
  "otel/index": "src/otel/index.ts",
  "process/index": "src/process/index.ts",
  "testing/index": "src/testing/index.ts",
  "wire/index": "src/wire/index.ts",
});

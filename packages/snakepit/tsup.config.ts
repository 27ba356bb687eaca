import { packageBuild } from "../../tsup.config.base.ts";

export default packageBuild({
  index: "src/index.ts",
  "process/index": "src/process/index.ts",
  "store/redis/index": "src/store/redis/index.ts",
  "store/sqlite/index": "src/store/sqlite/index.ts",
  "testing/index": "src/testing/index.ts",
  "wire/index": "src/wire/index.ts",
});

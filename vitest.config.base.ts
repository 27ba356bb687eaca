import process from "node:process";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts"],
    reporters: ["default", ["junit", { outputFile: "reports/junit.xml" }]],
    testTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } }, // 1 s by default, which a busy machine needs at times
    coverage: {
      enabled: process.env["SNAKEPIT_COVERAGE"] === "1",
      provider: "v8",
      include: ["src/**"],
      exclude: ["src/gen/**", "src/**/*.test.ts"],
      reporter: ["text-summary", "json-summary"],
      reportsDirectory: "reports/coverage",
    },
  },
});

#!/usr/bin/env node
import { runSetup } from "snakepit-grpc-bridge";

process.exitCode = await runSetup({
  extras: ["dspy"],
  args: process.argv.slice(2),
  program: "npx dspex",
});

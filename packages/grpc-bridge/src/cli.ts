#!/usr/bin/env node
import { runSetup } from "./environment/index.ts";

process.exitCode = await runSetup({ extras: [], args: process.argv.slice(2) });

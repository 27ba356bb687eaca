/**
 * Loaded with `--import` into a program of ours: ends it when whoever started it is gone, SIGKILL
 * included. The starter holds the other end of file descriptor 3 and never writes to it, so all
 * that can happen there is its end. Whoever has nobody to watch loads this without effect.
 */
import { Socket } from "node:net";
import process from "node:process";

if (process.env.SNAKEPIT_LIFELINE === "3") {
  // Meant for this process alone: what it starts, threads too, has another descriptor 3 or none.
  delete process.env.SNAKEPIT_LIFELINE;
  const lifeline = new Socket({ fd: 3 });
  lifeline.on("error", () => undefined); // "close" follows
  lifeline.on("close", () => process.exit(1));
  lifeline.resume();
  lifeline.unref();
}

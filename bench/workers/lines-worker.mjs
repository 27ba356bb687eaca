/** The worker of `nodeAdapter`, and of the peer that spawns it without a pool. */
import { serveJsonLines } from "snakepit/process";

serveJsonLines({ add: ({ a, b }) => a + b }, { concurrency: 256 });

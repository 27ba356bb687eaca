import { serveJsonLines } from "snakepit/process";

serveJsonLines({
  add: ({ a, b }) => a + b,
  async *count({ to }) {
    for (let n = 1; n <= to; n++) yield n;
  },
});

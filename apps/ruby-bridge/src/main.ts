/** What a bridge to another language looks like to those who call it. Everything is computed by Ruby. */
import { SnakepitError } from "snakepit";
import { Ruby } from "./ruby.ts";

await using ruby = await Ruby.start({ minWorkers: 2, maxWorkers: 2 });

console.log(await ruby.titleize("the left hand of darkness"));

const { iso, weekday, week } = await ruby.parseDate("29 Feb 2024");
console.log(`${iso} is a ${weekday} of week ${week}`);

console.log(await ruby.markdownTable("planet,moons\nMars,2\nJupiter,95\n"));

const numbers = [360, 1_001, 9_999_991];
const factors = await Promise.all(numbers.map((number) => ruby.primeFactors(number)));
for (const [index, all] of factors.entries()) {
  const product = all.map(([prime, exponent]) => (exponent > 1 ? `${prime}^${exponent}` : prime));
  console.log(`${numbers[index]} = ${product.join(" × ")}`);
}

const primes: number[] = [];
for await (const prime of ruby.primes()) {
  if (prime > 30) break; // and Ruby stops looking for them
  primes.push(prime);
}
console.log(`primes up to 30: ${primes.join(" ")}`);

for await (const day of ruby.days("2024-02-28", "2024-03-01")) console.log(day.iso, day.weekday);

try {
  await ruby.parseDate("the day after the day after");
} catch (error) {
  if (!SnakepitError.is(error, "REMOTE")) throw error;
  console.log(`Ruby says ${error.details.type}: ${error.details.message}`);
}

// A worker that crashes costs the call that it was working on, and nothing else.
const lost = ruby.primeFactors(9_007_199_254_740_881); // a prime: Ruby would try for a while
const busy = ruby.pool.workers().find(({ load }) => load > 0);
if (busy?.pid !== undefined) process.kill(busy.pid, "SIGKILL");
try {
  await lost;
} catch (error) {
  if (!SnakepitError.is(error, "WORKER_EXITED")) throw error;
  console.log(`a worker was killed; the outcome of its call is ${error.outcome}`);
}
console.log(await ruby.titleize("and life goes on"));

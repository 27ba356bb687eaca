import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { adapterContract, validateAdapter } from "snakepit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rubyAdapter } from "./adapter.ts";
import { Ruby } from "./ruby.ts";

const hasRuby = spawnSync("ruby", ["-e", 'require "csv"; require "prime"']).status === 0;
const name = "a bridge to Ruby";
if (hasRuby) describe(name, promises);
else if (process.env["SNAKEPIT_CI"] === "1") test(name, () => expect.unreachable("no ruby"));
else {
  const skipped = `${name} (skipped: no ruby on PATH; apt install ruby)`;
  console.warn(skipped);
  test.skip(skipped);
}

/** The largest prime below 2^62: trying all divisors takes Ruby minutes. */
const largePrime = 4_611_686_018_427_387_847n;

function promises(): void {
  describe("keeps what an adapter promises", () => {
    test("is an adapter", () => validateAdapter(rubyAdapter()));

    const contract = adapterContract({
      adapter: rubyAdapter,
      echo: "echo",
      slow: { command: "prime_factors", args: String(largePrime), onCancel: "runs-on" },
      fail: {
        command: "parse_date",
        args: "no day",
        type: "Date::Error",
        message: "invalid date",
      },
      stream: {
        command: "days",
        args: ["2024-02-28", "2024-03-01"],
        chunks: [
          { iso: "2024-02-28", weekday: "Wednesday", week: 9, dayOfYear: 59 },
          { iso: "2024-02-29", weekday: "Thursday", week: 9, dayOfYear: 60 },
          { iso: "2024-03-01", weekday: "Friday", week: 9, dayOfYear: 61 },
        ],
      },
      endlessStream: { command: "primes" },
      crash: "absent",
      session: "absent",
    });
    for (const { name, run } of contract) test(name, run, 60_000);
  });

  describe("gives Ruby's answers", () => {
    let ruby: Ruby;
    beforeAll(async () => {
      ruby = await Ruby.start({ maxWorkers: 2 });
    });
    afterAll(() => ruby[Symbol.asyncDispose]());

    test("titles", async () => {
      expect(await ruby.titleize("the lord of the rings")).toBe("The Lord of the Rings");
      expect(await ruby.titleize("éloge de l'ombre")).toBe("Éloge De L'ombre");
      expect(await ruby.titleize("")).toBe("");
    });

    test("dates in many spellings", async () => {
      const day = { iso: "2001-02-03", weekday: "Saturday", week: 5, dayOfYear: 34 };
      for (const text of ["3rd Feb 2001", "2001-W05-6", "20010203", "Sat, 3 Feb 2001"]) {
        expect(await ruby.parseDate(text)).toEqual(day);
      }
    });

    test("a table out of CSV, quotes and all", async () => {
      expect(await ruby.markdownTable('name,says\nAda,"one, two"\n\nBob,a|b\n')).toBe(
        "| name | says |\n| --- | --- |\n| Ada | one, two |\n| Bob | a\\|b |",
      );
      await expect(ruby.markdownTable("")).rejects.toMatchObject({
        code: "REMOTE",
        details: { type: "ArgumentError" },
      });
    });

    test("the factors of numbers, several at once", async () => {
      const numbers = [12, 97, 1_001, 2 ** 40];
      expect(await Promise.all(numbers.map((number) => ruby.primeFactors(number)))).toEqual([
        [
          [2, 2],
          [3, 1],
        ],
        [[97, 1]],
        [
          [7, 1],
          [11, 1],
          [13, 1],
        ],
        [[2, 40]],
      ]);
    });

    test("as many primes as are wanted", async () => {
      const primes: number[] = [];
      for await (const prime of ruby.primes()) {
        primes.push(prime);
        if (primes.length === 6) break;
      }
      expect(primes).toEqual([2, 3, 5, 7, 11, 13]);
    });

    test("a fault in Ruby is the caller's to see, and no unknown function", async () => {
      const call = ruby.titleize(null as never);
      await expect(call).rejects.toMatchObject({
        code: "REMOTE",
        details: { type: "NoMethodError" },
      });
    });

    test("a function that Ruby does not have is refused by its name", async () => {
      const call = ruby.pool.execute("titelize" as "titleize", "x");
      await expect(call).rejects.toMatchObject({ code: "UNKNOWN_COMMAND", retryable: true });
    });
  });

  test("kill -9 costs nothing but the call that ran", async () => {
    await using ruby = await Ruby.start({ minWorkers: 1, maxWorkers: 1 });
    for (let round = 0; round < 5; round++) {
      const [worker] = ruby.pool.workers();
      const lost = ruby.pool.execute("prime_factors", String(largePrime) as never);
      process.kill(worker?.pid ?? 0, "SIGKILL");
      await expect(lost).rejects.toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
      expect(await ruby.titleize(`round ${round}`)).toBe(`Round ${round}`);
    }
  }, 60_000);

  test("the demonstration runs to its end, and ends", () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, "main.ts")],
      { encoding: "utf8", timeout: 30_000 },
    );
    expect(stderr).toBe("");
    expect(stdout).toContain("The Left Hand of Darkness\n2024-02-29 is a Thursday of week 9\n");
    expect(stdout).toContain("360 = 2^3 × 3^2 × 5\n");
    expect(stdout).toContain("primes up to 30: 2 3 5 7 11 13 17 19 23 29\n");
    expect(stdout).toContain("Ruby says Date::Error: invalid date\n");
    expect(stdout).toMatch(/outcome of its call is unknown\nAnd Life Goes On\n$/);
    expect(status).toBe(0);
  });
}

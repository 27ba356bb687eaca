import type { Measure } from "./output.ts";

const none: Measure = { text: "-" };
const units = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number | undefined): Measure {
  if (value === undefined) return none;
  let rest = value;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return { text: `${rest < 10 && unit > 0 ? rest.toFixed(1) : Math.round(rest)} ${units[unit]}` };
}

/** In its two largest units. */
export function duration(ms: number | undefined): Measure {
  if (ms === undefined || !Number.isFinite(ms)) return none;
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return { text: `${Math.floor(hours / 24)} d ${hours % 24} h` };
  if (hours > 0) return { text: `${hours} h ${minutes % 60} min` };
  if (minutes > 0) return { text: `${minutes} min ${seconds % 60} s` };
  return { text: `${seconds} s` };
}

export function perSecond(rate: number | undefined): Measure {
  if (rate === undefined) return none;
  const digits = rate > 0 && rate < 10 ? 1 : 0;
  const text = rate.toLocaleString("en-US", { maximumFractionDigits: digits });
  return { text: `${text}/s` };
}

export function milliseconds(ms: number | undefined): Measure {
  if (ms === undefined || !Number.isFinite(ms)) return none;
  const digits = ms < 1 ? 3 : ms < 100 ? 1 : 0;
  return { text: `${ms.toLocaleString("en-US", { maximumFractionDigits: digits })} ms` };
}

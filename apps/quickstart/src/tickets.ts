import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Dspex, ModelCallOptions } from "dspex";

const labels = ["bug", "billing", "account", "feature request", "question"] as const;
type Label = (typeof labels)[number];

export interface Ticket {
  /** File name without its ending. */
  readonly id: string;
  readonly text: string;
  /** What a person decided. Never shown to the model; absent for tickets nobody has labelled. */
  readonly gold: Label | undefined;
}

export interface SortedTicket extends Ticket {
  readonly label: Label;
}

/** Reads `tickets/*.txt` and `labels.json`. */
export async function readTickets(folder: string): Promise<Ticket[]> {
  const gold = JSON.parse(await readFile(join(folder, "labels.json"), "utf8")) as Record<
    string,
    Label
  >;
  const files = (await readdir(join(folder, "tickets"))).filter((name) => name.endsWith(".txt"));
  return Promise.all(
    files.sort().map(async (name) => ({
      id: name.slice(0, -".txt".length),
      text: await readFile(join(folder, "tickets", name), "utf8"),
      gold: gold[name],
    })),
  );
}

/** All at once: the pool spreads the calls over its workers. `onSorted` hears of each as it is done. */
export function sortTickets(
  dspex: Dspex,
  tickets: readonly Ticket[],
  call: ModelCallOptions,
  onSorted: () => void,
): Promise<SortedTicket[]> {
  return Promise.all(
    tickets.map(async (ticket) => {
      // The compiler knows the answer as one of the five, not as some string.
      const label: Label = await dspex.classify(ticket.text, labels, call);
      onSorted();
      return { ...ticket, label };
    }),
  );
}

export interface LabelScore {
  readonly label: Label;
  /** How many the people put here. */
  readonly gold: number;
  /** How many the model put here. */
  readonly sorted: number;
  /** How many of those both agree on. */
  readonly right: number;
}

export function scoreByLabel(tickets: readonly SortedTicket[]): LabelScore[] {
  return labels.map((label) => ({
    label,
    gold: tickets.filter((ticket) => ticket.gold === label).length,
    sorted: tickets.filter((ticket) => ticket.label === label).length,
    right: tickets.filter((ticket) => ticket.label === label && ticket.gold === label).length,
  }));
}

/** How many tickets a person has labelled, and how many of those got the same label here. */
export function agreement(tickets: readonly SortedTicket[]): { labelled: number; right: number } {
  const labelled = tickets.filter((ticket) => ticket.gold !== undefined);
  const right = labelled.filter((ticket) => ticket.label === ticket.gold);
  return { labelled: labelled.length, right: right.length };
}

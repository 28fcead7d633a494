/** Links sorted into a few classes, by round trip or by cost: what colours and the legend show. */
import type { MeshLink } from "./types";

export type Measure = "rtt" | "cost";
export const LINK_CLASSES = ["best", "good", "fair", "poor", "unknown"] as const;
export type LinkClass = (typeof LINK_CLASSES)[number];

/** The largest value of a class: milliseconds, or the cost that routes are chosen by. */
export const LIMITS: Record<Measure, readonly [number, number, number]> = { rtt: [2, 20, 100], cost: [2, 5, 20] };

export function valueOf(link: MeshLink, measure: Measure): number | null {
  return measure === "rtt" ? link.rtt_ms : link.cost;
}

export function classOf(link: MeshLink, measure: Measure): LinkClass {
  const value = valueOf(link, measure);
  if (value === null || link.state !== "up") return "unknown";
  const at = LIMITS[measure].findIndex((limit) => value <= limit);
  return LINK_CLASSES[at === -1 ? 3 : at] ?? "poor";
}

/** What stands in the legend for a class, such as `2–20`. */
export function rangeOf(name: LinkClass, measure: Measure): string {
  const [best, good, fair] = LIMITS[measure];
  const texts: Record<LinkClass, string> = { best: `≤ ${best}`, good: `${best}–${good}`, fair: `${good}–${fair}`, poor: `> ${fair}`, unknown: "" };
  return texts[name];
}

/** Figures of links for people. */
import type { MeshLink } from "./types";

export const NOTHING = "–";

export function milliseconds(value: number | null): string {
  if (value === null) return NOTHING;
  return `${value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0)} ms`;
}

export function percent(value: number | null): string {
  return value === null ? NOTHING : `${Number((100 * value).toPrecision(2))} %`;
}

export function costText(value: number): string {
  return String(Number(value.toPrecision(4)));
}

export function bytes(value: number | null): string {
  if (value === null) return NOTHING;
  const units = ["B", "kB", "MB", "GB"];
  let left = value;
  let at = 0;
  while (left >= 1000 && at < units.length - 1) {
    left /= 1000;
    at += 1;
  }
  return `${Number(left.toPrecision(3))} ${units[at]}`;
}

/** Bytes per second between two measurements of what a link has carried; null if it cannot be told. */
export function speed(before: { carried: number | null; at: number } | null, now: { carried: number | null; at: number }): number | null {
  if (!before || before.carried === null || now.carried === null || now.at <= before.at || now.carried < before.carried) return null;
  return ((now.carried - before.carried) * 1000) / (now.at - before.at);
}

/** Both ends of a link by name, in the order of the names. */
export function linkName(link: MeshLink, names: ReadonlyMap<string, string>): string {
  const ends = link.ends.map((end) => names.get(end) ?? end.slice(0, 8));
  return ends.sort((a, b) => a.localeCompare(b)).join(" – ");
}

/** The other end of a link. */
export function otherEnd(link: MeshLink, id: string): string {
  return link.ends[0] === id ? link.ends[1] : link.ends[0];
}

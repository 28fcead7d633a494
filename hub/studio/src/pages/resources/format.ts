/** How resources are written and ordered. Pure, so that it can be tested. */
import { amount, hardwareFirst } from "../../components/Chips";
import type { MeshResource } from "./types";

/** Quantities and conditions apart, hardware first in both. */
export function split(items: MeshResource[]): { quantities: MeshResource[]; conditions: MeshResource[] } {
  const rows = new Map(items.map((item) => [item.name, item]));
  const ordered = (kind: string) => {
    const of = items.filter((item) => item.kind === kind);
    const order = hardwareFirst([...of].sort((a, b) => a.name.localeCompare(b.name)).map(({ name, unit }) => ({ name, kind, unit, value: null })));
    const mine = new Map(of.map((item) => [item.name, item]));
    return order.map(({ name }) => mine.get(name) ?? rows.get(name)).filter((item) => item !== undefined);
  };
  return { quantities: ordered("quantity"), conditions: ordered("condition") };
}

export function units(value: number, unit: string): string {
  return amount({ value, unit: unit === "B" ? "B" : null });
}

/** The parts of a bar in percent: what work takes, and what others have rights to. */
export function shares(total: number, taken: number, elsewhere = 0): { taken: number; elsewhere: number } {
  if (total <= 0) return { taken: 0, elsewhere: 0 };
  const first = Math.min(100, (100 * taken) / total);
  return { taken: first, elsewhere: Math.min(100 - first, (100 * elsewhere) / total) };
}

/** The line around a mistake, with the sign that it points at; columns count characters from 1. */
export function pointed(text: string, column: number): { before: string; sign: string; after: string } {
  const signs = [...text];
  const at = Math.min(Math.max(column - 1, 0), signs.length);
  return { before: signs.slice(0, at).join(""), sign: signs[at] ?? " ", after: signs.slice(at + 1).join("") };
}

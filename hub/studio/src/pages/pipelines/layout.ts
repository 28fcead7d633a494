/** Lays a pipeline out from left to right: each filter right of all that feed it, few crossings. */
import type { Pipeline } from "../../api/types";

export interface Place {
  column: number;
  row: number;
}

const SWEEPS = 6;

function links(pipeline: Pipeline): [string, string][] {
  const names = new Set(Object.keys(pipeline.filters));
  return (pipeline.connections ?? [])
    .map((one): [string, string] => [one.from.split(".")[0] ?? "", one.to.split(".")[0] ?? ""])
    .filter(([from, to]) => from !== to && names.has(from) && names.has(to));
}

/** The longest way from a source to each filter; a loop, which the hub refuses anyway, ends the count. */
function columnsOf(names: string[], edges: [string, string][]): Map<string, number> {
  const columns = new Map(names.map((name) => [name, 0]));
  for (let round = 0; round < names.length; round += 1) {
    let moved = false;
    for (const [from, to] of edges) {
      const wanted = (columns.get(from) ?? 0) + 1;
      if (wanted <= (columns.get(to) ?? 0) || wanted >= names.length) continue;
      columns.set(to, wanted);
      moved = true;
    }
    if (!moved) break;
  }
  return columns;
}

function average(values: number[], otherwise: number): number {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : otherwise;
}

/** Column and row of every filter. Rows may be fractions: a column is centred beside its neighbours. */
export function layOut(pipeline: Pipeline): Map<string, Place> {
  const names = Object.keys(pipeline.filters);
  const edges = links(pipeline);
  const columns = columnsOf(names, edges);
  const byColumn: string[][] = [];
  for (const name of names) (byColumn[columns.get(name) ?? 0] ??= []).push(name);
  // A loop may leave a column empty.
  const layers = byColumn.filter((layer) => layer !== undefined);
  const rows = new Map<string, number>();
  const settle = (layer: string[]) =>
    layer.forEach((name, at) => {
      rows.set(name, at - (layer.length - 1) / 2);
    });
  for (const layer of layers) settle(layer);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const [near, far] = sweep % 2 === 0 ? ([1, 0] as const) : ([0, 1] as const);
    const order = sweep % 2 === 0 ? layers : [...layers].reverse();
    for (const layer of order) {
      const wish = new Map(
        layer.map((name) => {
          const beside = edges.filter((edge) => edge[near] === name).map((edge) => rows.get(edge[far]) ?? 0);
          return [name, average(beside, rows.get(name) ?? 0)];
        }),
      );
      layer.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0));
      settle(layer);
    }
  }
  return new Map(names.map((name) => [name, { column: columns.get(name) ?? 0, row: rows.get(name) ?? 0 }]));
}

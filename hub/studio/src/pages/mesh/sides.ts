/** A mesh that fell apart: each side is moved aside as a whole, and stands inside a hull of its own. */
import type { MeshNode } from "./types";
import { type Box, boundsOf, type Point } from "./view";

const GAP = 200;
const STEP = 40;
const STEPS_MAX = 400;

export interface Side {
  /** 0 is the hub's own; null are nodes that were linked with nobody, which have no hull. */
  part: number | null;
  nodes: MeshNode[];
}

/** The sides in order, those without a side last. */
export function sidesOf(nodes: readonly MeshNode[]): Side[] {
  const found = new Map<number | null, MeshNode[]>();
  for (const node of nodes) {
    const listed = found.get(node.part);
    if (listed) listed.push(node);
    else found.set(node.part, [node]);
  }
  return [...found].map(([part, listed]) => ({ part, nodes: listed })).sort((a, b) => (a.part ?? Infinity) - (b.part ?? Infinity));
}

/** Whether there is more than one side. */
export function isSplit(sides: readonly Side[]): boolean {
  return sides.filter((side) => side.part !== null).length > 1;
}

/** How far each side moves, by its place in `sides`, so that no two overlap; the first one stays. */
export function offsets(sides: readonly Side[], place: (id: string) => Point): Point[] {
  const still = { x: 0, y: 0 };
  if (!isSplit(sides)) return sides.map(() => still);
  const taken: Box[] = [];
  return sides.map((side) => {
    const box = boundsOf(side.nodes.map((node) => place(node.id)));
    if (!box) return still;
    const first = taken[0];
    const away = first ? direction(centre(first), centre(box)) : still;
    let moved = box;
    let offset = still;
    for (let step = 0; step < STEPS_MAX && taken.some((other) => overlaps(other, moved)); step += 1) {
      offset = { x: offset.x + away.x * STEP, y: offset.y + away.y * STEP };
      moved = shifted(box, offset);
    }
    taken.push(moved);
    return offset;
  });
}

/** The convex hull of points (Andrew's monotone chain), anticlockwise. */
export function hull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  if (sorted.length < 3) return sorted;
  const half = (ordered: Point[]): Point[] => {
    const chain: Point[] = [];
    for (const point of ordered) {
      while (chain.length >= 2 && turn(chain.at(-2)!, chain.at(-1)!, point) <= 0) chain.pop();
      chain.push(point);
    }
    chain.pop();
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function turn(a: Point, b: Point, c: Point): number {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

function centre(box: Box): Point {
  return { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 };
}

/** Rather sideways: windows are wider than high. */
function direction(from: Point, to: Point): Point {
  const [x, y] = [to.x - from.x, (to.y - from.y) / 3];
  const length = Math.hypot(x, y);
  return length < 1 ? { x: 1, y: 0 } : { x: x / length, y: y / length };
}

function shifted(box: Box, by: Point): Box {
  return { left: box.left + by.x, right: box.right + by.x, top: box.top + by.y, bottom: box.bottom + by.y };
}

function overlaps(a: Box, b: Box): boolean {
  return a.left - GAP < b.right && b.left - GAP < a.right && a.top - GAP < b.bottom && b.top - GAP < a.bottom;
}

/**
 * Where nodes stand: a force layout that begins with the spanning tree drawn around its root, and
 * that keeps still once it has settled. Places belong to node ids: whoever leaves and comes back
 * finds its place again, and whoever is new is set beside its neighbours without moving anybody.
 */
import type { MeshLink, MeshNode } from "./types";
import type { Point } from "./view";

export const SPACING = 92;
const ROUNDS_ALL = 160;
const ROUNDS_NEW = 60;
const PLACES_KEPT = 4_000;
const REPULSION = SPACING * SPACING * 1.15;
const REACH = SPACING * 5;
/** A little weight towards the middle row: windows are wider than high. */
const FLATNESS = 0.006;

/** A number in [0, 1) that depends on nothing but the text. */
export function fraction(text: string): number {
  let hash = 2166136261;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 16777619);
  return (hash >>> 0) / 2 ** 32;
}

export class Layout {
  private readonly places = new Map<string, Point>();
  private nodes: string[] = [];
  private edges: [number, number, number][] = [];
  private moving: number[] = [];
  private rounds = 0;
  private total = 1;

  constructor(known: Iterable<[string, Point]> = []) {
    for (const [id, point] of known) this.places.set(id, { ...point });
  }

  get isSettled(): boolean {
    return this.rounds === 0;
  }

  place(id: string): Point {
    return this.places.get(id) ?? { x: 0, y: 0 };
  }

  /** Everything worth remembering, the nodes shown now last. */
  known(): [string, Point][] {
    return [...this.places].slice(-PLACES_KEPT).map(([id, { x, y }]) => [id, { x: Math.round(x), y: Math.round(y) }]);
  }

  move(id: string, to: Point): void {
    this.places.set(id, { ...to });
  }

  forget(): void {
    this.places.clear();
    this.nodes = [];
  }

  /** Show these from now on; what has a place keeps it. */
  show(nodes: readonly MeshNode[], links: readonly MeshLink[]): void {
    const fresh = nodes.filter((node) => !this.places.has(node.id));
    const isFirst = fresh.length > nodes.length / 2;
    if (isFirst) this.begin(nodes, links);
    else for (const node of fresh) this.places.set(node.id, this.beside(node.id, links));
    this.nodes = nodes.map((node) => node.id);
    const index = new Map(this.nodes.map((id, at) => [id, at]));
    this.edges = links.flatMap((link): [number, number, number][] => {
      const [a, b] = [index.get(link.ends[0]), index.get(link.ends[1])];
      return a === undefined || b === undefined ? [] : [[a, b, link.in_tree ? 1 : 0.35]];
    });
    const linked = new Set(this.edges.flatMap(([a, b]) => [a, b]));
    const moved = isFirst ? nodes : fresh;
    this.moving = moved.map((node) => index.get(node.id) ?? 0).filter((at) => linked.has(at));
    this.total = isFirst ? ROUNDS_ALL : ROUNDS_NEW;
    this.rounds = this.moving.length > 0 ? this.total : 0;
  }

  /** Go on for about `budget` ms; true while there is more to do. */
  run(budget: number, now: () => number = () => performance.now()): boolean {
    const end = now() + budget;
    while (this.rounds > 0) {
      this.round(this.rounds / this.total);
      this.rounds -= 1;
      if (now() >= end) break;
    }
    return this.rounds > 0;
  }

  private begin(nodes: readonly MeshNode[], links: readonly MeshLink[]): void {
    const kept = new Map(nodes.flatMap((node) => (this.places.has(node.id) ? [[node.id, this.place(node.id)] as const] : [])));
    let right = 0;
    let alone = 0;
    for (const group of groups(nodes, links)) {
      if (group.length === 1) {
        this.places.set(group[0]!.id, { x: (alone % 12) * SPACING, y: -SPACING * (2 + Math.floor(alone / 12)) });
        alone += 1;
        continue;
      }
      const drawn = radial(group, links);
      const reach = Math.max(...[...drawn.values()].map(({ x, y }) => Math.hypot(x, y)), SPACING);
      for (const [id, { x, y }] of drawn) this.places.set(id, { x: x + right + reach, y: y + reach });
      right += 2 * reach + 2 * SPACING;
    }
    for (const [id, point] of kept) this.places.set(id, point);
  }

  private beside(id: string, links: readonly MeshLink[]): Point {
    const peers = links.filter((link) => link.ends.includes(id)).map((link) => link.ends[link.ends[0] === id ? 1 : 0]);
    const around = peers.flatMap((peer) => this.places.get(peer) ?? []);
    const turn = fraction(id) * 2 * Math.PI;
    if (around.length === 0) {
      const all = this.nodes.map((node) => this.place(node));
      const top = Math.min(0, ...all.map((point) => point.y)) - SPACING;
      return { x: (fraction(id) - 0.5) * 6 * SPACING, y: top };
    }
    const x = around.reduce((sum, point) => sum + point.x, 0) / around.length;
    const y = around.reduce((sum, point) => sum + point.y, 0) / around.length;
    return { x: x + Math.cos(turn) * SPACING, y: y + Math.sin(turn) * SPACING };
  }

  private round(heat: number): void {
    const count = this.nodes.length;
    const xs = new Float64Array(count);
    const ys = new Float64Array(count);
    for (let at = 0; at < count; at += 1) {
      const point = this.place(this.nodes[at]!);
      xs[at] = point.x;
      ys[at] = point.y;
    }
    const dx = new Float64Array(count);
    const dy = new Float64Array(count);
    for (const a of this.moving) {
      for (let b = 0; b < count; b += 1) {
        if (a === b) continue;
        const x = xs[a]! - xs[b]! || (a < b ? 0.5 : -0.5);
        const y = ys[a]! - ys[b]!;
        const square = x * x + y * y;
        if (square > REACH * REACH) continue;
        const push = REPULSION / Math.max(square, 100);
        const distance = Math.sqrt(square);
        dx[a]! += (x / distance) * push;
        dy[a]! += (y / distance) * push;
      }
    }
    for (const [a, b, strength] of this.edges) {
      const x = xs[b]! - xs[a]!;
      const y = ys[b]! - ys[a]!;
      const distance = Math.hypot(x, y) || 1;
      const pull = (distance - SPACING) * 0.12 * strength;
      dx[a]! += (x / distance) * pull;
      dy[a]! += (y / distance) * pull;
      dx[b]! -= (x / distance) * pull;
      dy[b]! -= (y / distance) * pull;
    }
    const row = ys.reduce((sum, y) => sum + y, 0) / Math.max(1, count);
    for (const at of this.moving) dy[at]! -= (ys[at]! - row) * FLATNESS;
    const most = SPACING * 0.45 * heat + 0.5;
    for (const at of this.moving) {
      const step = Math.hypot(dx[at]!, dy[at]!);
      const scale = step > most ? most / step : 1;
      const id = this.nodes[at]!;
      this.places.set(id, { x: xs[at]! + dx[at]! * scale, y: ys[at]! + dy[at]! * scale });
    }
  }
}

/** Nodes that hang together, the largest group first. */
function groups(nodes: readonly MeshNode[], links: readonly MeshLink[]): MeshNode[][] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const peers = neighbours(links);
  const seen = new Set<string>();
  const found: MeshNode[][] = [];
  for (const start of nodes) {
    if (seen.has(start.id)) continue;
    seen.add(start.id);
    const group: MeshNode[] = [];
    const ahead = [start.id];
    for (let id = ahead.pop(); id !== undefined; id = ahead.pop()) {
      const node = byId.get(id);
      if (node) group.push(node);
      for (const peer of peers.get(id) ?? []) {
        if (!seen.has(peer) && byId.has(peer)) {
          seen.add(peer);
          ahead.push(peer);
        }
      }
    }
    found.push(group);
  }
  return found.sort((a, b) => b.length - a.length);
}

function neighbours(links: readonly MeshLink[]): Map<string, string[]> {
  const peers = new Map<string, string[]>();
  for (const { ends } of links) {
    for (const [a, b] of [ends, [ends[1], ends[0]] as const]) {
      const listed = peers.get(a);
      if (listed) listed.push(b);
      else peers.set(a, [b]);
    }
  }
  return peers;
}

/** The spanning tree around its root: each branch gets a sector as wide as it has leaves. */
function radial(group: MeshNode[], links: readonly MeshLink[]): Map<string, Point> {
  const inside = new Set(group.map((node) => node.id));
  const tree = neighbours(links.filter((link) => link.in_tree && link.ends.every((end) => inside.has(end))));
  const root = middle(group[0]!.id, tree);
  const order: string[] = [root];
  const above = new Map<string, string>();
  for (const id of order) {
    for (const peer of [...(tree.get(id) ?? [])].sort()) {
      if (peer !== root && !above.has(peer) && peer !== above.get(id)) {
        above.set(peer, id);
        order.push(peer);
      }
    }
  }
  const leaves = new Map(order.map((id) => [id, 0]));
  for (const id of [...order].reverse()) {
    const own = leaves.get(id) || 1;
    leaves.set(id, own);
    const parent = above.get(id);
    if (parent !== undefined) leaves.set(parent, (leaves.get(parent) ?? 0) + own);
  }
  const sector = new Map([[root, { from: 0, size: 2 * Math.PI, depth: 0 }]]);
  const places = new Map<string, Point>();
  const used = new Map<string, number>();
  for (const id of order) {
    const parent = above.get(id);
    if (parent !== undefined) {
      const around = sector.get(parent)!;
      const from = used.get(parent) ?? around.from;
      const size = (around.size * (leaves.get(id) ?? 1)) / (leaves.get(parent) ?? 1);
      used.set(parent, from + size);
      sector.set(id, { from, size, depth: around.depth + 1 });
    }
    const { from, size, depth } = sector.get(id)!;
    const turn = from + size / 2;
    places.set(id, { x: Math.cos(turn) * depth * SPACING, y: Math.sin(turn) * depth * SPACING });
  }
  return places;
}

/** The node in the middle of the longest way through a tree: around it the drawing is compact. */
function middle(start: string, tree: Map<string, string[]>): string {
  const farthest = (from: string): string[] => {
    const before = new Map<string, string | null>([[from, null]]);
    const order = [from];
    for (const id of order) {
      for (const peer of tree.get(id) ?? []) {
        if (!before.has(peer)) {
          before.set(peer, id);
          order.push(peer);
        }
      }
    }
    const way: string[] = [];
    for (let id: string | null = order.at(-1) ?? from; id !== null; id = before.get(id) ?? null) way.push(id);
    return way;
  };
  const way = farthest(farthest(start)[0] ?? start);
  return way[Math.floor(way.length / 2)] ?? start;
}

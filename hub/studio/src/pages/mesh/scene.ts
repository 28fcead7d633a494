/** What the canvas shows, and how it is drawn: in few strokes, one for all lines that look alike. */
import { classOf, type LinkClass, type Measure } from "./classes";
import { hull } from "./sides";
import type { MeshLink, MeshNode } from "./types";
import { type Point, type Size, toScreen, type View } from "./view";

export const NODE_RADIUS = 11;
const NODE_PIXELS_MIN = 3.5;
const LABELS_FROM_ZOOM = 0.62;
const LABEL_CHARS_MAX = 24;
const LABEL_HEIGHT = 16;
const LABEL_CHAR_WIDTH = 6.7;
const HULL_MARGIN = 36;
const HULL_PIXELS_MIN = 16;
const DIMMED = 0.16;

/** The colours of the page, read from its style. */
export interface Palette {
  text: string;
  dimmed: string;
  background: string;
  card: string;
  accent: string;
  path: string;
  states: Record<MeshNode["state"], string>;
  links: Record<LinkClass, string>;
  font: string;
}

export interface Scene {
  nodes: readonly MeshNode[];
  links: readonly MeshLink[];
  /** Where each node is drawn. */
  place: (id: string) => Point;
  /** The nodes inside each hull; empty while the mesh is whole. */
  hulls: readonly { title: string; nodes: readonly MeshNode[] }[];
  measure: Measure;
  selected: string | null;
  hovered: string | null;
  /** Ids of nodes and links on the path; empty if none is shown. */
  path: ReadonlySet<string>;
  /** Ids of nodes that the search found; null while nothing is searched. */
  found: ReadonlySet<string> | null;
}

export function nodeRadius(view: View): number {
  return Math.max(NODE_PIXELS_MIN, NODE_RADIUS * Math.min(1.3, view.zoom));
}

export function drawScene(context: CanvasRenderingContext2D, scene: Scene, view: View, size: Size, palette: Palette): void {
  context.clearRect(0, 0, size.width, size.height);
  const at = new Map(scene.nodes.map((node) => [node.id, toScreen(view, size, scene.place(node.id))]));
  drawHulls(context, scene, at, view, size, palette);
  drawLinks(context, scene, at, view, palette);
  drawNodes(context, scene, at, view, size, palette);
  drawLabels(context, scene, at, view, size, palette);
}

type Places = ReadonlyMap<string, Point>;

function drawHulls(context: CanvasRenderingContext2D, scene: Scene, at: Places, view: View, size: Size, palette: Palette): void {
  const margin = Math.max(HULL_PIXELS_MIN, HULL_MARGIN * Math.min(1, view.zoom));
  context.lineJoin = "round";
  for (const [index, { title, nodes }] of scene.hulls.entries()) {
    const around = nodes.flatMap(({ id }) => {
      const point = at.get(id);
      return point ? corners(point, margin) : [];
    });
    const outline = hull(around);
    if (outline.length === 0) continue;
    context.beginPath();
    outline.forEach((point, corner) => (corner === 0 ? context.moveTo(point.x, point.y) : context.lineTo(point.x, point.y)));
    context.closePath();
    context.strokeStyle = index === 0 ? palette.accent : palette.states.offline;
    context.fillStyle = context.strokeStyle;
    context.globalAlpha = 0.07;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.setLineDash(index === 0 ? [] : [7, 5]);
    context.stroke();
    context.setLineDash([]);
    const top = outline.reduce((best, point) => (point.y < best.y ? point : best));
    context.font = `600 12px ${palette.font}`;
    const half = context.measureText(title).width / 2 + 8;
    const x = Math.min(size.width - half, Math.max(half, top.x));
    drawText(context, title, { x, y: Math.max(12, top.y - 14) }, palette, 600, palette.text);
  }
}

function corners({ x, y }: Point, margin: number): Point[] {
  return Array.from({ length: 8 }, (_, corner) => {
    const turn = (corner * Math.PI) / 4;
    return { x: x + Math.cos(turn) * margin, y: y + Math.sin(turn) * margin };
  });
}

interface Stroke {
  colour: string;
  width: number;
  alpha: number;
  dash: number[];
  links: MeshLink[];
}

function strokeOf(link: MeshLink, scene: Scene, view: View, palette: Palette): Omit<Stroke, "links"> {
  const scale = Math.min(1.2, Math.max(0.55, view.zoom));
  const isFaint = scene.found !== null && !link.ends.some((end) => scene.found?.has(end));
  const isOff = scene.path.size > 0 && !scene.path.has(link.id);
  return {
    colour: palette.links[classOf(link, scene.measure)],
    width: (link.in_tree ? 3.4 : 1.1) * scale,
    alpha: isFaint || isOff ? DIMMED : link.in_tree ? 1 : 0.62,
    dash: link.state === "up" ? [] : [3, 4],
  };
}

function drawLinks(context: CanvasRenderingContext2D, scene: Scene, at: Places, view: View, palette: Palette): void {
  const strokes = new Map<string, Stroke>();
  for (const link of scene.links) {
    const stroke = strokeOf(link, scene, view, palette);
    const key = `${stroke.colour}/${stroke.width}/${stroke.alpha}/${stroke.dash.length}`;
    const known = strokes.get(key);
    if (known) known.links.push(link);
    else strokes.set(key, { ...stroke, links: [link] });
  }
  context.lineCap = "round";
  const ordered = [...strokes.values()].sort((a, b) => a.width - b.width);
  for (const stroke of ordered) drawStroke(context, stroke, at);
  const special = scene.links.filter((link) => scene.path.has(link.id) || link.id === scene.selected || link.id === scene.hovered);
  for (const link of special) {
    const isChosen = link.id === scene.selected || link.id === scene.hovered;
    drawStroke(context, { colour: isChosen ? palette.accent : palette.path, width: 6, alpha: isChosen ? 0.9 : 0.75, dash: [], links: [link] }, at);
  }
  context.globalAlpha = 1;
}

function drawStroke(context: CanvasRenderingContext2D, stroke: Stroke, at: Places): void {
  context.strokeStyle = stroke.colour;
  context.lineWidth = stroke.width;
  context.globalAlpha = stroke.alpha;
  context.setLineDash(stroke.dash);
  context.beginPath();
  for (const { ends } of stroke.links) {
    const [from, to] = [at.get(ends[0]), at.get(ends[1])];
    if (!from || !to) continue;
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
  }
  context.stroke();
  context.setLineDash([]);
}

function isSeen({ x, y }: Point, size: Size, margin: number): boolean {
  return x > -margin && y > -margin && x < size.width + margin && y < size.height + margin;
}

function drawNodes(context: CanvasRenderingContext2D, scene: Scene, at: Places, view: View, size: Size, palette: Palette): void {
  const radius = nodeRadius(view);
  for (const node of scene.nodes) {
    const point = at.get(node.id);
    if (!point || !isSeen(point, size, 40)) continue;
    const isOff = scene.path.size > 0 && !scene.path.has(node.id);
    context.globalAlpha = scene.found?.has(node.id) === false || isOff ? DIMMED : 1;
    drawNode(context, node, point, radius, palette);
    const isChosen = node.id === scene.selected || node.id === scene.hovered;
    if (!isChosen && !(scene.path.has(node.id) || scene.found?.has(node.id))) continue;
    context.strokeStyle = isChosen ? palette.accent : palette.path;
    context.lineWidth = isChosen ? 3 : 2.5;
    context.beginPath();
    context.arc(point.x, point.y, radius + (node.is_hub ? 8 : 4.5), 0, 2 * Math.PI);
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** Each state has a shape of its own: filled, half, half with a hand, crossed, dotted or barred. */
export function drawNode(context: CanvasRenderingContext2D, node: Pick<MeshNode, "state" | "is_hub">, point: Point, radius: number, palette: Palette): void {
  const colour = palette.states[node.state] ?? palette.dimmed;
  const thick = Math.max(1.4, radius * 0.22);
  context.lineWidth = thick;
  context.strokeStyle = colour;
  context.fillStyle = node.state === "online" ? colour : palette.card;
  context.setLineDash(node.state === "pending" ? [thick * 1.4, thick * 1.4] : []);
  context.beginPath();
  if (node.state === "denied") context.rect(point.x - radius * 0.9, point.y - radius * 0.9, radius * 1.8, radius * 1.8);
  else context.arc(point.x, point.y, radius, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.setLineDash([]);
  if (node.state === "stale" || node.state === "expired") {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(point.x, point.y, radius, Math.PI / 2, (3 * Math.PI) / 2);
    context.fill();
    if (node.state === "expired") {
      context.beginPath();
      context.moveTo(point.x, point.y);
      context.lineTo(point.x + radius, point.y);
      context.stroke();
    }
  } else if (node.state === "offline" || node.state === "denied") {
    const arm = radius * 0.5;
    context.beginPath();
    context.moveTo(point.x - arm, point.y - arm);
    context.lineTo(point.x + arm, point.y + arm);
    if (node.state === "offline") {
      context.moveTo(point.x + arm, point.y - arm);
      context.lineTo(point.x - arm, point.y + arm);
    }
    context.stroke();
  }
  if (!node.is_hub) return;
  context.beginPath();
  context.arc(point.x, point.y, radius + thick * 1.9, 0, 2 * Math.PI);
  context.stroke();
}

function drawLabels(context: CanvasRenderingContext2D, scene: Scene, at: Places, view: View, size: Size, palette: Palette): void {
  const below = nodeRadius(view) + 11;
  const taken: (Point & { half: number })[] = [];
  const isWanted = (node: MeshNode) => node.id === scene.selected || node.id === scene.hovered || scene.path.has(node.id) || (scene.found?.has(node.id) ?? false);
  const wanted = scene.nodes.filter(isWanted);
  const others = scene.nodes.filter((node) => !isWanted(node) && (view.zoom >= LABELS_FROM_ZOOM || node.is_hub));
  for (const node of [...wanted, ...others]) {
    const point = at.get(node.id);
    if (!point || !isSeen(point, size, 0)) continue;
    const name = node.name.length > LABEL_CHARS_MAX ? `${node.name.slice(0, LABEL_CHARS_MAX - 1)}…` : node.name;
    const half = (name.length * LABEL_CHAR_WIDTH) / 2;
    if (taken.some((other) => Math.abs(other.y - point.y) < LABEL_HEIGHT && Math.abs(other.x - point.x) < half + other.half)) continue;
    taken.push({ ...point, half });
    const isDim = (scene.found !== null || scene.path.size > 0) && !isWanted(node);
    drawText(context, name, { x: point.x, y: point.y + below + (node.is_hub ? 4 : 0) }, palette, isWanted(node) ? 600 : 400, isDim ? palette.dimmed : palette.text);
  }
}

function drawText(context: CanvasRenderingContext2D, text: string, point: Point, palette: Palette, weight: number, colour: string): void {
  context.font = `${weight} 12px ${palette.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 3.5;
  context.lineJoin = "round";
  context.strokeStyle = palette.background;
  context.strokeText(text, point.x, point.y);
  context.fillStyle = colour;
  context.fillText(text, point.x, point.y);
}

/** The node or link at a point of the window; nodes first, since they lie on top. */
export function hit(scene: Pick<Scene, "nodes" | "links" | "place">, view: View, size: Size, point: Point, reach: number): { kind: "node" | "link"; id: string } | null {
  const within = nodeRadius(view) + reach;
  let best: { id: string; distance: number } | null = null;
  for (const node of scene.nodes) {
    const at = toScreen(view, size, scene.place(node.id));
    const distance = Math.hypot(at.x - point.x, at.y - point.y);
    if (distance <= within && (best === null || distance < best.distance)) best = { id: node.id, distance };
  }
  if (best) return { kind: "node", id: best.id };
  for (const link of scene.links) {
    const distance = distanceToLine(point, toScreen(view, size, scene.place(link.ends[0])), toScreen(view, size, scene.place(link.ends[1])));
    if (distance <= reach && (best === null || distance < best.distance)) best = { id: link.id, distance };
  }
  return best ? { kind: "link", id: best.id } : null;
}

function distanceToLine(point: Point, from: Point, to: Point): number {
  const [x, y] = [to.x - from.x, to.y - from.y];
  const square = x * x + y * y;
  const share = square === 0 ? 0 : Math.min(1, Math.max(0, ((point.x - from.x) * x + (point.y - from.y) * y) / square));
  return Math.hypot(point.x - from.x - share * x, point.y - from.y - share * y);
}

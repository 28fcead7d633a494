/** The graph on its canvas: keeps places and view, draws when something has changed, and only then. */
import { Layout } from "./layout";
import { drawScene, hit, type Palette, type Scene } from "./scene";
import { isSplit, offsets, type Side, sidesOf } from "./sides";
import type { Mesh, MeshNode } from "./types";
import { boundsOf, fitted, type Point, type Size, toPlane, toScreen, type View, zoomAt } from "./view";

const LAYOUT_MS_PER_FRAME = 9;
const GLIDE = 0.18;
const FIT_MARGIN = 56;
const REACH = { mouse: 6, touch: 14 };
const SAVE_AFTER_MS = 1_000;

export type Look = Pick<Scene, "measure" | "selected" | "path" | "found"> & { sideTitle: (side: Side, at: number) => string };
export type Target = { kind: "node" | "link"; id: string } | null;

const NOBODY: Look = { measure: "rtt", selected: null, path: new Set(), found: null, sideTitle: () => "" };

/** What is remembered between visits: a store with a key, or nothing. */
export interface Memory {
  read(): [string, Point][];
  write(places: [string, Point][]): void;
}

export class Stage {
  private readonly layout: Layout;
  private readonly context: CanvasRenderingContext2D | null;
  private mesh: Mesh = { nodes: [], links: [] };
  private look: Look = NOBODY;
  private sides: Side[] = [];
  private sideOf = new Map<string, number>();
  private shifts: Point[] = [];
  private goals: Point[] = [];
  private view: View = { x: 0, y: 0, zoom: 1 };
  private size: Size = { width: 0, height: 0 };
  private hovered: string | null = null;
  private frame = 0;
  /** The whole graph stays in sight until a person has looked elsewhere. */
  private follows = true;
  private shape = "";
  private saving: ReturnType<typeof setTimeout> | null = null;
  /** How many frames were drawn: tests measure by it. */
  drawn = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private palette: Palette,
    private readonly memory: Memory,
    private readonly isCalm: boolean,
  ) {
    this.context = canvas.getContext("2d");
    this.layout = new Layout(memory.read());
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    if (this.saving !== null) {
      clearTimeout(this.saving);
      this.memory.write(this.layout.known());
    }
  }

  paint(palette: Palette): void {
    this.palette = palette;
    this.draw();
  }

  resize(size: Size): void {
    const ratio = window.devicePixelRatio || 1;
    this.size = size;
    this.canvas.width = Math.round(size.width * ratio);
    this.canvas.height = Math.round(size.height * ratio);
    this.context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.follows) this.fit();
    this.draw();
  }

  show(mesh: Mesh, look: Look): void {
    this.look = look;
    if (mesh !== this.mesh) this.take(mesh);
    this.draw();
  }

  /** Where a node is drawn, in pixels of the canvas. */
  at(id: string): Point {
    return toScreen(this.view, this.size, this.place(id));
  }

  targetAt(point: Point, isTouch: boolean): Target {
    return hit({ nodes: this.mesh.nodes, links: this.mesh.links, place: this.place }, this.view, this.size, point, isTouch ? REACH.touch : REACH.mouse);
  }

  hover(target: Target): void {
    const id = target?.id ?? null;
    if (id === this.hovered) return;
    this.hovered = id;
    this.draw();
  }

  pan(x: number, y: number): void {
    this.view = { ...this.view, x: this.view.x - x / this.view.zoom, y: this.view.y - y / this.view.zoom };
    this.follows = false;
    this.draw();
  }

  zoom(factor: number, anchor: Point = { x: this.size.width / 2, y: this.size.height / 2 }): void {
    this.view = zoomAt(this.view, this.size, anchor, factor);
    this.follows = false;
    this.draw();
  }

  fit(): void {
    if (this.size.width === 0 || this.mesh.nodes.length === 0) return;
    this.view = fitted(boundsOf(this.mesh.nodes.map((node) => this.place(node.id, true))), this.size, FIT_MARGIN);
    this.follows = true;
    this.draw();
  }

  /** Bring a node into sight without changing the zoom more than needed. */
  centre(id: string): void {
    const { x, y } = this.place(id);
    this.view = { x, y, zoom: Math.max(this.view.zoom, 0.8) };
    this.follows = false;
    this.draw();
  }

  drag(id: string, to: Point): void {
    const plane = toPlane(this.view, this.size, to);
    const shift = this.shifts[this.sideOf.get(id) ?? -1] ?? { x: 0, y: 0 };
    this.layout.move(id, { x: plane.x - shift.x, y: plane.y - shift.y });
    this.remember();
    this.draw();
  }

  nudge(id: string, x: number, y: number): void {
    const at = this.at(id);
    this.drag(id, { x: at.x + x, y: at.y + y });
  }

  arrange(): void {
    this.layout.forget();
    this.layout.show(this.mesh.nodes, this.mesh.links);
    this.follows = true;
    this.settle();
  }

  /** The nodes in the order of their names, for going from one to the next. */
  next(from: string | null, step: 1 | -1): MeshNode | null {
    const ordered = [...this.mesh.nodes].sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
    const at = ordered.findIndex((node) => node.id === from);
    const to = at === -1 ? (step === 1 ? 0 : ordered.length - 1) : (at + step + ordered.length) % ordered.length;
    return ordered[to] ?? null;
  }

  private take(mesh: Mesh): void {
    const shape = `${mesh.nodes.map((node) => node.id).join()}/${mesh.links.map((link) => link.id).join()}`;
    const isFirst = this.mesh.nodes.length === 0;
    const sidesBefore = this.sides.length;
    this.mesh = mesh;
    if (shape !== this.shape) {
      this.shape = shape;
      this.layout.show(mesh.nodes, mesh.links);
    }
    this.sides = sidesOf(mesh.nodes);
    this.sideOf = new Map(this.sides.flatMap((side, at) => side.nodes.map((node) => [node.id, at] as const)));
    if (isFirst) this.shifts = [];
    this.settle();
    if (this.follows && (isFirst || this.sides.length !== sidesBefore)) this.fit();
  }

  private settle(): void {
    this.goals = offsets(this.sides, (id) => this.layout.place(id));
    this.shifts = this.goals.map((goal, at) => (this.isCalm ? goal : (this.shifts[at] ?? goal)));
    this.draw();
  }

  private readonly place = (id: string, isGoal = false): Point => {
    const { x, y } = this.layout.place(id);
    const shift = (isGoal ? this.goals : this.shifts)[this.sideOf.get(id) ?? -1];
    return shift ? { x: x + shift.x, y: y + shift.y } : { x, y };
  };

  private remember(): void {
    if (this.saving !== null) return;
    this.saving = setTimeout(() => {
      this.saving = null;
      this.memory.write(this.layout.known());
    }, SAVE_AFTER_MS);
  }

  private draw(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.advance();
      this.render();
    });
  }

  private advance(): void {
    if (!this.layout.isSettled) {
      const isMoving = this.layout.run(LAYOUT_MS_PER_FRAME);
      if (!isMoving) {
        this.goals = offsets(this.sides, (id) => this.layout.place(id));
        this.shifts = this.goals.map((goal, at) => this.shifts[at] ?? goal);
        this.remember();
      }
      if (this.follows) this.fit();
      this.draw();
    }
    let isGliding = false;
    this.shifts = this.shifts.map((shift, at) => {
      const goal = this.goals[at] ?? shift;
      const left = Math.hypot(goal.x - shift.x, goal.y - shift.y);
      if (left < 1 || this.isCalm) return goal;
      isGliding = true;
      return { x: shift.x + (goal.x - shift.x) * GLIDE, y: shift.y + (goal.y - shift.y) * GLIDE };
    });
    if (isGliding) this.draw();
  }

  private render(): void {
    if (!this.context) return;
    this.drawn += 1;
    this.canvas.dataset["drawn"] = String(this.drawn);
    const hulls = isSplit(this.sides)
      ? this.sides.flatMap((side, at) => (side.part === null ? [] : [{ title: this.look.sideTitle(side, at), nodes: side.nodes }]))
      : [];
    const scene: Scene = { ...this.look, nodes: this.mesh.nodes, links: this.mesh.links, place: this.place, hulls, hovered: this.hovered };
    drawScene(this.context, scene, this.view, this.size, this.palette);
  }
}

import { expect, test } from "vitest";
import { QueryClient } from "@tanstack/react-query";
import { classOf, rangeOf } from "./classes";
import { patchMesh } from "./data";
import { onPath, search } from "./find";
import { bytes, costText, linkName, milliseconds, percent, speed } from "./format";
import { Layout, SPACING } from "./layout";
import { hit } from "./scene";
import { hull, isSplit, offsets, sidesOf } from "./sides";
import { meshTexts } from "./texts";
import type { Mesh, MeshLink, MeshNode } from "./types";
import { boundsOf, fitted, toPlane, toScreen, zoomAt } from "./view";

function node(id: string, part: number | null = 0, changes: Partial<MeshNode> = {}): MeshNode {
  return { kind: "node", id, name: `box-${id}`, state: "online", part, degree: 0, is_hub: false, ...changes };
}

function link(a: string, b: string, changes: Partial<MeshLink> = {}): MeshLink {
  return { kind: "link", id: `${a}-${b}`, ends: [a, b], state: "up", in_tree: true, cost: 1, rtt_ms: 1, loss: 0, rate_at_least: null, ...changes };
}

/** Nodes on a line, each linked with the next. */
function line(count: number): Mesh {
  const nodes = Array.from({ length: count }, (_, at) => node(String(at).padStart(3, "0")));
  return { nodes, links: nodes.slice(1).map((one, at) => link(nodes[at]!.id, one.id)) };
}

function settled(mesh: Mesh, layout = new Layout()): Layout {
  layout.show(mesh.nodes, mesh.links);
  while (layout.run(1_000));
  return layout;
}

const placesOf = (layout: Layout, mesh: Mesh) => mesh.nodes.map(({ id }) => layout.place(id));

test("both languages of the page hold the same words with the same blanks", () => {
  const flat = (tree: object, path = ""): [string, string][] =>
    Object.entries(tree).flatMap(([key, value]): [string, string][] => (typeof value === "string" ? [[path + key, value]] : flat(value as object, `${path}${key}.`)));
  const blanks = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1]).sort();
  const told = (texts: object) => flat(texts).map(([key, text]) => [key, blanks(text)]);
  expect(told(meshTexts.zh)).toEqual(told(meshTexts.en));
});

test("the same mesh is drawn the same way, without two nodes on one spot", () => {
  const mesh = line(30);
  const places = placesOf(settled(mesh), mesh);
  expect(placesOf(settled(mesh), mesh)).toEqual(places);
  for (const [at, one] of places.entries()) {
    for (const other of places.slice(at + 1)) expect(Math.hypot(one.x - other.x, one.y - other.y)).toBeGreaterThan(SPACING / 3);
  }
});

test("nobody moves when figures change, a link ends, or a node leaves and comes back", () => {
  const mesh = line(12);
  const layout = settled(mesh);
  const before = placesOf(layout, mesh);
  settled({ nodes: mesh.nodes.slice(0, 11), links: mesh.links.slice(0, 9) }, layout);
  settled(mesh, layout);
  expect(placesOf(layout, mesh)).toEqual(before);
});

test("a new node is set beside its neighbour and moves no other", () => {
  const mesh = line(12);
  const layout = settled(mesh);
  const before = placesOf(layout, mesh);
  settled({ nodes: [...mesh.nodes, node("new")], links: [...mesh.links, link("003", "new")] }, layout);
  expect(placesOf(layout, mesh)).toEqual(before);
  const [at, beside] = [layout.place("new"), layout.place("003")];
  expect(Math.hypot(at.x - beside.x, at.y - beside.y)).toBeLessThan(4 * SPACING);
});

test("remembered places are taken up again", () => {
  const mesh = line(12);
  const known = settled(mesh).known();
  const layout = settled(mesh, new Layout(known));
  expect(layout.known()).toEqual(known);
});

test("five hundred nodes are arranged in bounded time", () => {
  const mesh = line(500);
  const layout = new Layout();
  layout.show(mesh.nodes, mesh.links);
  let clock = 0;
  let frames = 0;
  while (layout.run(9, () => (clock += 10))) frames += 1;
  expect(frames).toBeLessThan(200);
});

test("a point of the window is where it was after zooming at it", () => {
  const size = { width: 800, height: 400 };
  const view = { x: 10, y: 20, zoom: 1 };
  const anchor = { x: 100, y: 300 };
  const under = toPlane(view, size, anchor);
  const after = zoomAt(view, size, anchor, 1.7);
  expect(toScreen(after, size, under).x).toBeCloseTo(anchor.x);
  expect(toScreen(after, size, under).y).toBeCloseTo(anchor.y);
  expect(zoomAt(view, size, anchor, 1e9).zoom).toBe(4);
});

test("everything is in sight when it is fitted", () => {
  const size = { width: 800, height: 400 };
  const view = fitted(boundsOf([{ x: -900, y: 0 }, { x: 900, y: 40 }]), size, 50);
  expect(toScreen(view, size, { x: -900, y: 0 }).x).toBeCloseTo(50);
  expect(boundsOf([])).toBeNull();
});

test("the sides of a split mesh are moved apart as they are, the hub's own stays", () => {
  const mesh = line(8);
  const nodes = mesh.nodes.map((one, at) => ({ ...one, part: at % 2, state: at % 2 ? "offline" : "online" }) as MeshNode);
  const layout = settled(mesh);
  const sides = sidesOf([...nodes, node("alone", null)]);
  expect(sides.map((side) => side.part)).toEqual([0, 1, null]);
  expect(isSplit(sides)).toBe(true);
  const shifts = offsets(sides, (id) => layout.place(id));
  expect(shifts[0]).toEqual({ x: 0, y: 0 });
  const boxes = sides.slice(0, 2).map((side, at) => boundsOf(side.nodes.map(({ id }) => ({ x: layout.place(id).x + shifts[at]!.x, y: layout.place(id).y + shifts[at]!.y })))!);
  const [own, other] = boxes as [NonNullable<(typeof boxes)[0]>, NonNullable<(typeof boxes)[0]>];
  expect(own.right < other.left || other.right < own.left || own.bottom < other.top || other.bottom < own.top).toBe(true);
});

test("a whole mesh moves nobody aside, also when a node is off", () => {
  const sides = sidesOf([node("a"), node("b", null, { state: "offline" })]);
  expect(isSplit(sides)).toBe(false);
  expect(offsets(sides, () => ({ x: 0, y: 0 }))).toEqual([{ x: 0, y: 0 }, { x: 0, y: 0 }]);
});

test("a hull holds all points, and no more corners than it needs", () => {
  const square = [{ x: 0, y: 0 }, { x: 4, y: 0 }, { x: 4, y: 4 }, { x: 0, y: 4 }];
  expect(hull([...square, { x: 2, y: 2 }, { x: 1, y: 3 }])).toHaveLength(4);
  expect(hull([{ x: 1, y: 1 }])).toEqual([{ x: 1, y: 1 }]);
});

test("links fall into classes by round trip or cost, and what is not known is told apart", () => {
  expect(["best", "good", "fair", "poor"].map((_, at) => classOf(link("a", "b", { rtt_ms: [1, 9, 99, 500][at]! }), "rtt"))).toEqual(["best", "good", "fair", "poor"]);
  expect(classOf(link("a", "b", { rtt_ms: null }), "rtt")).toBe("unknown");
  expect(classOf(link("a", "b", { rtt_ms: null, cost: 30 }), "cost")).toBe("poor");
  expect(classOf(link("a", "b", { state: "last_known" }), "cost")).toBe("unknown");
  expect(rangeOf("good", "rtt")).toBe("2–20");
});

test("a click finds the node on top of its links, and a link beside it", () => {
  const places = new Map([["a", { x: -100, y: 0 }], ["b", { x: 100, y: 0 }]]);
  const scene = { nodes: [node("a"), node("b")], links: [link("a", "b")], place: (id: string) => places.get(id) ?? { x: 0, y: 0 } };
  const view = { x: 0, y: 0, zoom: 1 };
  const size = { width: 400, height: 200 };
  expect(hit(scene, view, size, { x: 103, y: 101 }, 6)).toEqual({ kind: "node", id: "a" });
  expect(hit(scene, view, size, { x: 200, y: 104 }, 6)).toEqual({ kind: "link", id: "a-b" });
  expect(hit(scene, view, size, { x: 200, y: 150 }, 6)).toBeNull();
});

test("a path marks its nodes and the links between them, not those of strangers", () => {
  const hops = [{ node: "b", cost: 0 }, { node: "a", cost: 1 }, { node: null, cost: 2 }, { node: "c", cost: 1 }];
  expect([...onPath({ hops, cost: 4 })].sort()).toEqual(["a", "a-b", "b", "c"]);
  expect(onPath(undefined).size).toBe(0);
});

test("nodes are found by a part of the name or the start of the id", () => {
  const mesh = { nodes: [node("abc"), node("def", 0, { name: "Dock" })], links: [] };
  expect(search(mesh, " dOc ")).toEqual(new Set(["def"]));
  expect(search(mesh, "abc")).toEqual(new Set(["abc"]));
  expect(search(mesh, "  ")).toBeNull();
});

test("deltas change only what they name, and a snapshot replaces all", () => {
  const client = new QueryClient();
  const read = () => client.getQueryData<Mesh>(["mesh"]);
  patchMesh(client, [node("a")], [], false);
  expect(read()).toBeUndefined();
  patchMesh(client, [node("a"), node("b"), link("a", "b")], [], true);
  patchMesh(client, [link("a", "b", { cost: 9 })], ["b"], false);
  expect(read()?.nodes.map((one) => one.id)).toEqual(["a"]);
  expect(read()?.links[0]?.cost).toBe(9);
});

test("figures are written for people, and what is not known is a dash", () => {
  expect([milliseconds(0.512), milliseconds(12.34), milliseconds(250), milliseconds(null)]).toEqual(["0.51 ms", "12.3 ms", "250 ms", "–"]);
  expect([percent(0.0123), percent(null)]).toEqual(["1.2 %", "–"]);
  expect([bytes(999), bytes(12_500_000), bytes(null)]).toEqual(["999 B", "12.5 MB", "–"]);
  expect(costText(1.23456)).toBe("1.235");
  expect(linkName(link("a", "b"), new Map([["a", "press"], ["b", "dock"]]))).toBe("dock – press");
});

test("traffic is the difference of what was carried, never a negative one", () => {
  const now = { carried: 3_000, at: 2_000 };
  expect(speed({ carried: 1_000, at: 1_000 }, now)).toBe(2_000);
  expect(speed({ carried: 9_000, at: 1_000 }, now)).toBeNull();
  expect(speed(null, now)).toBeNull();
  expect(speed({ carried: 1, at: 1 }, { carried: null, at: 2 })).toBeNull();
});

import { expect, test } from "vitest";
import type { Deployment } from "../../api/types";
import { ageOf, camerasLost, canStop, descriptionOf, edgeFiguresOf, figuresOf, fillOf, filtersOn, filterState, fpsOf, freeName, lostOf, matches, milliseconds, nodesOf, previewsOf, rate, shared, whyNot } from "./derive";
import { layOut } from "./layout";
import { fieldsOf, readField } from "./params";

function deployment(change: Partial<Deployment> = {}): Deployment {
  return {
    id: "d1", name: "line 4", tenant: "t", project: "p", state: "running", wanted: "running", revision: 1, epoch: 1,
    keeper: "n1", created_at: "2026-11-01T00:00:00Z", created_by: "owner",
    pipeline: {
      filters: { belt: { type: "conveyor" }, detect: { type: "onnx" }, preview: { type: "mjpeg_preview" }, count: { type: "count" } },
      connections: [
        { from: "belt.image", to: "detect.image", kind: "weak" },
        { from: "detect.image", to: "preview.image", kind: "weak" },
        { from: "detect.image", to: "count.frame" },
      ],
    },
    nodes: { belt: "n1", detect: "n2", preview: "n2", count: "n2" },
    node_names: { n1: "dock", n2: "gpu" },
    reasons: {},
    groups: [
      { leader: "belt", filters: ["belt"], node: "n1", state: "running", error: "" },
      { leader: "detect", filters: ["detect", "count"], node: "n2", state: "failed", error: "no model" },
    ],
    figures: {
      filters: {
        belt: { fps: 30 },
        preview: { fps: 12, age_ms: { p50: 40, p99: 90 } },
        count: { fps: 29.6, age_ms: { p50: 21, p99: 30 } },
      },
    },
    ...change,
  };
}

test("speed and age are those of the sinks", () => {
  expect(fpsOf(deployment())).toBe(29.6);
  expect(ageOf(deployment())).toBe(40);
  expect(fpsOf(deployment({ figures: null }))).toBeNull();
  expect(fpsOf(deployment({ state: "stopped" }))).toBeNull();
});

test("a filter has its group's state, waits without a node, and stops with its deployment", () => {
  expect(filterState(deployment(), "count")).toBe("failed");
  expect(whyNot(deployment(), "count")).toBe("no model");
  expect(filterState(deployment(), "belt")).toBe("running");
  const waiting = deployment({ groups: [], state: "waiting", reasons: { detect: "no GPU" } });
  expect([filterState(waiting, "detect"), whyNot(waiting, "detect")]).toEqual(["waiting", "no GPU"]);
  expect(filterState(deployment({ state: "stopped" }), "belt")).toBe("stopped");
});

test("a deployment is found by name, node, filter and state, all words at once", () => {
  expect(matches(deployment(), "LINE gpu", "Running")).toBe(true);
  expect(matches(deployment(), "运行", "运行中")).toBe(true);
  expect(matches(deployment(), "line absent", "Running")).toBe(false);
  expect(nodesOf(deployment())).toEqual(["dock", "gpu"]);
  expect(previewsOf(deployment())).toEqual(["preview"]);
});

test("a failed deployment can be stopped until somebody did, and a new one gets a name of its own", () => {
  const stoppable = (state: Deployment["state"], wanted: string) => canStop(deployment({ state, wanted }));
  expect([stoppable("running", "running"), stoppable("failed", "running")]).toEqual([true, true]);
  expect([stoppable("failed", "stopped"), stoppable("finished", "running")]).toEqual([false, false]);
  expect([freeName("a", []), freeName("a", ["a", "a 2"])]).toEqual(["a", "a 3"]);
});

test("what has ended shows what it measured, but no pace", () => {
  const edge = { from: "belt.image", to: "detect.image" };
  const figures = { filters: { belt: { fps: 30, frames_out: 9 } }, edges: { "belt.image -> detect.image": { fps: 30, dropped: 2, waiting: 1 } } };
  const ended = deployment({ state: "stopped", figures });
  expect(figuresOf(ended, "belt")).toEqual({ fps: undefined, frames_out: 9 });
  expect([edgeFiguresOf(ended, edge).fps, edgeFiguresOf(ended, edge).waiting, lostOf(edgeFiguresOf(ended, edge))]).toEqual([undefined, undefined, 2]);
  const running = deployment({ figures, groups: [] });
  expect([figuresOf(running, "belt").fps, edgeFiguresOf(running, edge).fps]).toEqual([30, 30]);
});

test("a source that reports its camera as lost is named while it runs", () => {
  const figures = { filters: { belt: { report: { lost: "no frame for 7 s: its frames are too old" } }, count: { report: { frames: 3 } } } };
  expect(camerasLost(deployment({ figures, groups: [] }))).toEqual([["belt", "no frame for 7 s: its frames are too old"]]);
  expect(camerasLost(deployment({ figures, state: "stopped" }))).toEqual([]);
});

test("filters that wait for the same reason are named together", () => {
  expect(shared({ a: "no GPU", b: "no camera", c: "no GPU" })).toEqual([[["a", "c"], "no GPU"], [["b"], "no camera"]]);
});

test("losses of every kind count, and an edge is never fuller than full", () => {
  expect(lostOf({ dropped: 1, expired: 2, discarded: 3 })).toBe(6);
  expect([fillOf({ depth: 4, waiting: 1 }), fillOf({ depth: 1, waiting: 9 }), fillOf({})]).toEqual([0.25, 1, 0]);
});

test("figures are written short, and a missing one is a dash", () => {
  expect([milliseconds(3.14), milliseconds(45.6), milliseconds(2500), milliseconds(null)]).toEqual(["3.1 ms", "46 ms", "2.5 s", "–"]);
  expect([rate(29.97), rate(4.25), rate(undefined)]).toEqual(["30", "4.3", "–"]);
});

test("every filter stands right of those that feed it, and a fork is symmetric", () => {
  const places = layOut(deployment().pipeline);
  expect(places.get("belt")).toEqual({ column: 0, row: 0 });
  expect(places.get("detect")?.column).toBe(1);
  expect([places.get("preview"), places.get("count")].map((one) => [one?.column, one?.row])).toEqual([[2, -0.5], [2, 0.5]]);
});

test("a loop or a connection to nowhere does not hang the page", () => {
  const filters = { a: { type: "x" }, b: { type: "x" } };
  const connections = [{ from: "a.o", to: "b.i" }, { from: "b.o", to: "a.i" }, { from: "a.o", to: "gone.i" }];
  expect(layOut({ filters, connections }).size).toBe(2);
});

const RTSP = {
  pipeline: { filters: { camera: { type: "rtsp", params: { stall_s: 2 } }, find: { type: "onnx", params: { model: "m.onnx", classes: ["person"] } } } },
  types: {
    rtsp: {
      params: {
        properties: {
          url: { type: "string", writeOnly: true },
          stall_s: { type: "number", minimum: 0.1, maximum: 120, default: 5 },
          tries: { type: "integer", default: 3 },
        },
        required: ["url"],
      },
    },
  },
} satisfies Parameters<typeof fieldsOf>[0];

test("a form offers every parameter that the types have, those of the template first", () => {
  const fields = fieldsOf(RTSP);
  expect(fields.map(({ key, kind, start, basic, required }) => [key, kind, start, basic, required])).toEqual([
    ["camera.stall_s", "number", "2", true, false],
    ["camera.url", "secret", "", true, true],
    ["camera.tries", "number", "3", false, false],
    ["find.model", "text", "m.onnx", true, false],
    ["find.classes", "json", '["person"]', true, false],
  ]);
});

test("what was typed is checked as the hub will check it", () => {
  const [stall, url, tries, , classes] = fieldsOf(RTSP);
  if (!stall || !url || !tries || !classes) throw new Error("a field is missing");
  expect([readField(stall, "7.5"), readField(stall, "500"), readField(stall, "")]).toEqual([{ value: 7.5 }, { wrong: "range" }, { wrong: "kind" }]);
  expect([readField(tries, "1.5"), readField(url, " "), readField(url, "rtsp://x")]).toEqual([{ wrong: "kind" }, { wrong: "missing" }, { value: "rtsp://x" }]);
  expect([readField(classes, "["), readField({ ...classes, kind: "list" }, "a，b, ")]).toEqual([{ wrong: "kind" }, { value: ["a", "b"] }]);
});

test("a template speaks the page's language if it can, and a node knows what runs on it", () => {
  const template = { description: "Count.", descriptions: { zh: "计数。" } };
  expect([descriptionOf(template, "zh"), descriptionOf(template, "en")]).toEqual(["计数。", "Count."]);
  expect([filtersOn(deployment(), "n1"), filtersOn(deployment({ state: "stopped" }), "n1")]).toEqual([["belt"], []]);
});

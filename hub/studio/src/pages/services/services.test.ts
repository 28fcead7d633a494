import { expect, test } from "vitest";
import { formOf, markOf, pathOf, pinsOf, runOf, summary } from "./format";
import { serviceTexts } from "./texts";
import { RUN_STATES, type Service, type ServiceNode } from "./types";

function node(changes: Partial<ServiceNode>): ServiceNode {
  return { id: "a", name: "dock", state: "online", run: "running", running: 2, why: "", restarts: 0, is_canary: false, is_current: true, ports: {}, ...changes };
}

function service(nodes: ServiceNode[], wanted: Service["wanted"] = "running"): Service {
  const revision = { number: 2, by: "hub", at: "2026-11-26T00:00:00Z", bundle: "", needs: "", note: "", is_bad: false };
  return { id: "counter", name: "counter", kind: "service", wanted, number: 2, at: revision.at, why: "", canaries: 0, revision, past: [], nodes, elsewhere: 0 };
}

test("a service is as its gravest node, and what is away or out of date is not well", () => {
  expect(summary(service([node({}), node({ run: "trial" })]))).toEqual({ mark: "starting", well: 1, total: 2 });
  expect(summary(service([node({}), node({ run: "returned" }), node({ run: "waiting" })])).mark).toBe("failed");
  expect(summary(service([node({ state: "offline" })]))).toEqual({ mark: "waiting", well: 0, total: 1 });
  expect(summary(service([node({ is_current: false })])).well).toBe(0);
  expect(summary(service([node({})], "stopped")).mark).toBe("stopped");
  expect(summary(service([])).mark).toBe("waiting");
});

test("what a node says of another revision is no state of this one", () => {
  expect(runOf(node({ is_current: false, run: "running" }))).toBe("waiting");
  expect(runOf(node({ run: "trial" }))).toBe("trial");
});

test("every state has a mark and words in both languages", () => {
  for (const run of RUN_STATES) {
    expect(markOf(run)).toBeTruthy();
    expect(serviceTexts.en.run[run]).toBeTruthy();
    expect(serviceTexts.zh.run[run]).toBeTruthy();
  }
});

test("a form holds its fields before its files, and the files by their paths", () => {
  const main = new File(["print()"], "main.py");
  Object.defineProperty(main, "webkitRelativePath", { value: "counter/main.py" });
  const form = formOf({ name: "counter", needs: "", note: "", canary: "1" }, [main, new File([""], "a.py")]);

  expect([...form.keys()]).toEqual(["name", "canary", "file", "file"]);
  expect(form.getAll("file").map((one) => (one as File).name)).toEqual(["counter/main.py", "a.py"]);
  expect(pathOf(new File([""], "a.py"))).toBe("a.py");
});

test("the pins of a filter are one line", () => {
  expect(pinsOf({ image: { type: "frame/image", formats: ["BGR"] }, at: { type: "frame", formats: [] } })).toBe("image: frame/image BGR, at: frame");
  expect(pinsOf({})).toBe("");
});

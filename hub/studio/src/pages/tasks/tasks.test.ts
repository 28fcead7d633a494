import { expect, test } from "vitest";
import { hasEnded, isWanted, markOf, newest, queryOf, seconds, span, timeline } from "./format";
import { taskTexts } from "./texts";
import { TASK_STATES, type Task, type TaskAttempt } from "./types";

const NOWHERE = { state: "", node: "", text: "" } as const;

function task(id: string, changes: Partial<Task> = {}): Task {
  const home = { id: "desk", name: "desk" };
  return {
    kind: "task", id, name: "look", what: "task", state: "runs", why: "", project: "default", home, node: null, attempts: 1,
    submitted_at: `2026-11-26T10:00:0${id}.000Z`, started_at: null, ended_at: null, progress: null, needs: "USBCamera == 1",
    priority: 1, durable_id: "", parent: "", group: "", actor: "", ...changes,
  };
}

function attempt(changes: Partial<TaskAttempt>): TaskAttempt {
  return { number: 1, node: { id: "wall", name: "wall" }, worker: 0, sent_at: "2026-11-26T10:00:00Z", started_at: null, ended_at: null, end: "", why: "", ...changes };
}

test("every state has a mark and words in both languages, and only two go on", () => {
  for (const state of TASK_STATES) {
    expect(markOf(state)).toBeTruthy();
    expect(taskTexts.en.state[state]).toBeTruthy();
    expect(taskTexts.zh.state[state]).toBeTruthy();
  }
  expect(TASK_STATES.filter((state) => !hasEnded(state))).toEqual(["waits", "runs"]);
});

test("a task is looked for by state, node, and words in any case", () => {
  expect(isWanted(task("1"), NOWHERE)).toBe(true);
  expect(isWanted(task("1"), { ...NOWHERE, state: "done" })).toBe(false);
  expect(isWanted(task("1"), { ...NOWHERE, node: "desk" })).toBe(true);
  expect(isWanted(task("1", { node: { id: "wall", name: "wall" } }), { ...NOWHERE, node: "wall" })).toBe(true);
  expect(isWanted(task("1"), { ...NOWHERE, node: "roof" })).toBe(false);
  expect(isWanted(task("1"), { ...NOWHERE, text: " usbcam " })).toBe(true);
  expect(isWanted(task("1", { why: "no node has Rail" }), { ...NOWHERE, text: "RAIL" })).toBe(true);
  expect(isWanted(task("1"), { ...NOWHERE, text: "other" })).toBe(false);
});

test("the newest come first, each once, as it was heard of last", () => {
  const shown = newest([task("3"), task("1", { state: "done" })], [task("2"), task("1")]);
  expect(shown.map(({ id, state }) => id + state)).toEqual(["3runs", "2runs", "1done"]);
});

test("how long something took is told in one or two units", () => {
  expect([0.0123, 3.42, 59.4, 125, 11520].map(span)).toEqual(["12 ms", "3.4 s", "59 s", "2 min 5 s", "3 h 12 min"]);
  expect(seconds(null, null, 0)).toBeNull();
  expect(seconds("2026-11-26T10:00:00Z", "2026-11-26T10:00:02.5Z", 0)).toBe(2.5);
  expect(seconds("2026-11-26T10:00:00Z", null, Date.parse("2026-11-26T10:01:00Z"))).toBe(60);
});

test("attempts lie where they were between submit and end", () => {
  const bars = timeline("2026-11-26T10:00:00Z", "2026-11-26T10:00:10Z", [attempt({ sent_at: "2026-11-26T10:00:01Z", ended_at: "2026-11-26T10:00:02Z" }), attempt({ sent_at: "2026-11-26T10:00:02Z", started_at: "2026-11-26T10:00:04Z" })], 0);
  expect(bars).toEqual([
    { left: 10, waits: 10, runs: 0 },
    { left: 20, waits: 20, runs: 60 },
  ]);
});

test("a query holds what was asked for and nothing empty", () => {
  expect(queryOf(NOWHERE, "", 100)).toBe("limit=100");
  expect(queryOf({ state: "runs", node: "desk", text: " a b " }, "x", 2)).toBe("state=runs&node=desk&text=a+b&cursor=x&limit=2");
});

/** What services are as a whole, and how files are sent. Pure, so that it can be tested. */
import { isReached, type RunState } from "../../api/types";
import type { FilterPin, PushWish, Service, ServiceNode, ServiceRun } from "./types";

const MARKS: Record<ServiceRun, RunState> = {
  waiting: "waiting",
  fetching: "starting",
  refused: "failed",
  starting: "starting",
  trial: "starting",
  running: "running",
  restarting: "starting",
  failing: "failed",
  returned: "failed",
  finished: "finished",
  failed: "failed",
  stopping: "stopped",
};

/** The icon and colour of a state. */
export function markOf(run: ServiceRun): RunState {
  return MARKS[run] ?? "waiting";
}

/** How a node is about the last revision: what it says of another one is out of date. */
export function runOf(node: ServiceNode): ServiceRun {
  return node.is_current ? node.run : "waiting";
}

const GRAVEST: RunState[] = ["failed", "waiting", "starting", "running", "finished"];

/** The gravest of its nodes, and on how many of them it is well. */
export function summary(service: Service): { mark: RunState; well: number; total: number } {
  const alive = service.nodes.filter((node) => isReached(node.state));
  const marks = alive.map((node) => markOf(runOf(node)));
  const well = marks.filter((mark) => mark === "running" || mark === "finished").length;
  if (service.wanted === "stopped") return { mark: "stopped", well: 0, total: service.nodes.length };
  return { mark: GRAVEST.find((mark) => marks.includes(mark)) ?? "waiting", well, total: service.nodes.length };
}

/** The path of a chosen file: below its folder where one was chosen. */
export function pathOf(file: File): string {
  return file.webkitRelativePath || file.name;
}

/** The form of a push: fields first, as the hub reads them. */
export function formOf(wish: PushWish, files: readonly File[]): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(wish)) if (value) form.append(name, String(value));
  for (const file of files) form.append("file", file, pathOf(file));
  return form;
}

/** The pins of one side of a filter, as one line: what each takes or gives. */
export function pinsOf(pins: Record<string, FilterPin>): string {
  return Object.entries(pins)
    .map(([name, pin]) => `${name}: ${[pin.type, ...pin.formats].join(" ")}`)
    .join(", ");
}

/** What the pages say about a deployment, computed from what the hub sends. */
import { type ConnectionSpec, type Deployment, type EdgeFigures, type FilterFigures, RUN_STATES, type RunState, type Template } from "../../api/types";
import { heard } from "../../i18n/heard";

const PREVIEWS = new Set(["mjpeg_preview"]);
const ACTIVE = new Set<string>(["running", "starting", "waiting"]);

export function isActive(deployment: Pick<Deployment, "state">): boolean {
  return ACTIVE.has(deployment.state);
}

/** Whether there is something left to stop: a failed deployment may still run in part. */
export function canStop(deployment: Pick<Deployment, "state" | "wanted">): boolean {
  return isActive(deployment) || (deployment.state === "failed" && deployment.wanted !== "stopped");
}

/** `name`, or the first of `name 2`, `name 3`, … that nobody has yet. */
export function freeName(name: string, taken: Iterable<string>): string {
  const names = new Set(taken);
  let free = name;
  for (let number = 2; names.has(free); number += 1) free = `${name} ${number}`;
  return free;
}

/** What a template is, in the language of the page if it says so. */
export function descriptionOf(template: Pick<Template, "description" | "descriptions">, language: string): string {
  return template.descriptions[language] ?? template.description;
}

/** The filters of a deployment that a node runs, or would run if it answered. */
export function filtersOn(deployment: Pick<Deployment, "state" | "nodes">, node: string): string[] {
  if (!isActive(deployment) && deployment.state !== "failed") return [];
  return Object.keys(deployment.nodes).filter((name) => deployment.nodes[name] === node);
}

export function filterNames(deployment: Pick<Deployment, "pipeline">): string[] {
  return Object.keys(deployment.pipeline?.filters ?? {});
}

/** The filters whose pictures can be watched. */
export function previewsOf(deployment: Pick<Deployment, "pipeline">): string[] {
  return filterNames(deployment).filter((name) => PREVIEWS.has(deployment.pipeline.filters[name]?.type ?? ""));
}

/** Whether nothing is heard of a filter: what it measured last is no longer so. */
function isSilent(deployment: Deployment, filter: string): boolean {
  return isActive(deployment) && deployment.groups.some((group) => group.state === "waiting" && group.filters.includes(filter));
}

export function figuresOf(deployment: Deployment, filter: string): FilterFigures {
  const figures = deployment.figures?.filters?.[filter] ?? {};
  // What has ended keeps what it measured, but no pace.
  if (!isActive(deployment)) return { ...figures, fps: undefined };
  return isSilent(deployment, filter) ? { ...figures, fps: undefined, run_ms: null, age_ms: null } : figures;
}

export function edgeName(connection: ConnectionSpec): string {
  return `${connection.from} -> ${connection.to}`;
}

export function edgeFiguresOf(deployment: Deployment, connection: ConnectionSpec): EdgeFigures {
  const ends = [connection.from, connection.to].map((pin) => pin.split(".")[0] ?? "");
  if (ends.some((filter) => isSilent(deployment, filter))) return {};
  const figures = deployment.figures?.edges?.[edgeName(connection)] ?? {};
  return isActive(deployment) ? figures : { ...figures, fps: undefined, queue_ms: null, waiting: undefined };
}

export function isStrong(connection: ConnectionSpec): boolean {
  return (connection.kind ?? "strong") === "strong";
}

function known(state: string): RunState | null {
  return RUN_STATES.find((one) => one === state) ?? null;
}

/** A filter is in the state of its group; one that has no node waits. */
export function filterState(deployment: Deployment, filter: string): RunState {
  if (!isActive(deployment) && deployment.state !== "failed") return deployment.state;
  const group = deployment.groups.find((one) => one.filters.includes(filter));
  const state = group && known(group.state);
  if (state) return state;
  if (deployment.reasons[filter]) return "waiting";
  return deployment.state === "running" ? "starting" : deployment.state;
}

/** Why a filter does not run: no node fits, or its group failed. */
export function whyNot(deployment: Deployment, filter: string): string {
  const reason = deployment.reasons[filter];
  if (reason) return heard(reason);
  return heard(deployment.groups.find((one) => one.filters.includes(filter))?.error ?? "");
}

/** The sources whose camera is lost, and for how long and why, as they report it themselves. */
export function camerasLost(deployment: Deployment): [filter: string, why: string][] {
  if (!isActive(deployment)) return [];
  return filterNames(deployment).flatMap((filter): [string, string][] => {
    const lost = figuresOf(deployment, filter).report?.["lost"];
    return typeof lost === "string" && lost ? [[filter, heard(lost)]] : [];
  });
}

/** Reasons by what they say: filters of one group share theirs. */
export function shared(reasons: Record<string, string>): [filters: string[], reason: string][] {
  const found = new Map<string, string[]>();
  for (const [filter, reason] of Object.entries(reasons)) found.set(reason, [...(found.get(reason) ?? []), filter]);
  return [...found].map(([reason, filters]) => [filters, reason]);
}

export function nodeName(deployment: Deployment, id: string | null | undefined): string {
  return id ? (deployment.node_names[id] ?? id.slice(0, 8)) : "";
}

/** Who deployed it: a person, or the node on whose command line it was done. */
export function authorOf(deployment: Deployment): string {
  const author = deployment.created_by;
  return /^[0-9a-f]{32}$/.test(author) ? nodeName(deployment, author) : author;
}

/** Each node that the deployment uses, once. */
export function nodesOf(deployment: Deployment): string[] {
  return [...new Set(Object.values(deployment.nodes))].map((id) => nodeName(deployment, id));
}

function sinks(deployment: Deployment): FilterFigures[] {
  const sources = new Set((deployment.pipeline?.connections ?? []).map((one) => one.from.split(".")[0]));
  return filterNames(deployment)
    .filter((name) => !sources.has(name))
    .map((name) => figuresOf(deployment, name));
}

function most(values: (number | undefined)[]): number | null {
  const numbers = values.filter((value): value is number => typeof value === "number" && Number.isFinite(value));
  return numbers.length > 0 ? Math.max(...numbers) : null;
}

/** Frames each second at the end of the pipeline: the fastest sink, since weak edges may thin out others. */
export function fpsOf(deployment: Deployment): number | null {
  return isActive(deployment) ? most(sinks(deployment).map((one) => one.fps)) : null;
}

/** How old frames are when they reach the end: the median of the slowest sink. */
export function ageOf(deployment: Deployment): number | null {
  return isActive(deployment) ? most(sinks(deployment).map((one) => one.age_ms?.p50)) : null;
}

/** Frames that a connection lost, for whatever reason. */
export function lostOf(edge: EdgeFigures): number {
  return (edge.dropped ?? 0) + (edge.expired ?? 0) + (edge.discarded ?? 0);
}

/** How full a weak connection is, from 0 to 1. */
export function fillOf(edge: EdgeFigures): number {
  return edge.depth ? Math.min(1, (edge.waiting ?? 0) / edge.depth) : 0;
}

/** Whether a deployment matches words that a person typed: its name, its state, its nodes or its filters. */
export function matches(deployment: Deployment, words: string, stateWord: string): boolean {
  const hay = [deployment.name, deployment.id, deployment.state, stateWord, ...nodesOf(deployment), ...filterNames(deployment)];
  const text = hay.join("\n").toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function milliseconds(value: number | null | undefined): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (value >= 10_000) return `${(value / 1000).toFixed(0)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

export function rate(value: number | null | undefined): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

/** RFC 3339 or seconds since 1970, as RFC 3339. */
export function moment(value: string | number): string {
  return typeof value === "number" ? new Date(value * 1000).toISOString() : value;
}

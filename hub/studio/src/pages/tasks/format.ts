/** Which tasks are shown, in which order, and how long things took. Pure, so that it can be tested. */
import type { RunState } from "../../api/types";
import type { Task, TaskAttempt, TaskState, Wanted } from "./types";

const MARKS: Record<TaskState | "refused", RunState> = {
  refused: "waiting",
  waits: "waiting",
  runs: "running",
  done: "finished",
  failed: "failed",
  cancelled: "stopped",
  expired: "failed",
  died: "failed",
  preempted: "failed",
  lost: "failed",
};

/** The icon and colour of a state, or of how an attempt ended. */
export function markOf(state: TaskState | "refused"): RunState {
  return MARKS[state] ?? "waiting";
}

export function hasEnded(state: TaskState): boolean {
  return state !== "waits" && state !== "runs";
}

/** Whether a task is one that the hub would find. */
export function isWanted(task: Task, { state, node, text }: Wanted): boolean {
  if (state && task.state !== state) return false;
  if (node && task.home.id !== node && task.node?.id !== node) return false;
  const words = text.trim().toLowerCase();
  return !words || [task.id, task.name, task.needs, task.why].some((one) => one.toLowerCase().includes(words));
}

/** The newest first, each once: what is known first is newer than what was asked for. */
export function newest(...lists: readonly (readonly Task[])[]): Task[] {
  const known = new Map<string, Task>();
  for (const task of lists.flat()) if (!known.has(task.id)) known.set(task.id, task);
  const key = (task: Task) => task.submitted_at + task.id;
  return [...known.values()].sort((a, b) => (key(a) < key(b) ? 1 : -1));
}

/** Seconds between two moments; of one that is not over, until now (in milliseconds since 1970). */
export function seconds(from: string | null, to: string | null, now: number): number | null {
  if (!from) return null;
  return Math.max(0, (to ? Date.parse(to) : now) - Date.parse(from)) / 1000;
}

/** "12 ms", "3.4 s", "2 min 5 s", "3 h 12 min". */
export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Where attempts lie between submit and end, in per cent: waiting for a worker, then running. */
export function timeline(submitted: string, ended: string | null, attempts: readonly TaskAttempt[], now: number): { left: number; waits: number; runs: number }[] {
  const begin = Date.parse(submitted);
  const whole = Math.max(1, (ended ? Date.parse(ended) : now) - begin);
  const at = (moment: string | null) => Math.min(100, Math.max(0, (((moment ? Date.parse(moment) : begin + whole) - begin) / whole) * 100));
  return attempts.map(({ sent_at, started_at, ended_at }) => {
    const [left, end] = [at(sent_at), at(ended_at)];
    const start = started_at ? Math.min(end, Math.max(left, at(started_at))) : end;
    return { left, waits: start - left, runs: end - start };
  });
}

/** The query of a page of tasks. */
export function queryOf({ state, node, text }: Wanted, cursor: string, limit: number): string {
  const fields = { state, node, text: text.trim(), cursor, limit: String(limit) };
  return new URLSearchParams(Object.entries(fields).filter(([, value]) => value)).toString();
}

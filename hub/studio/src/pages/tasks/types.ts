/** The shapes of /api/v1/tasks, as the hub sends them. */
export const TASK_STATES = ["waits", "runs", "done", "failed", "cancelled", "expired", "died", "preempted", "lost"] as const;
export type TaskState = (typeof TASK_STATES)[number];
export type StateCounts = Record<TaskState, number>;

/** A node; one of another project has neither id nor name. */
export interface TaskPlace {
  id: string | null;
  name: string;
}

export interface Task {
  kind: "task";
  id: string;
  name: string;
  what: "task" | "actor";
  state: TaskState;
  why: string;
  project: string;
  home: TaskPlace;
  node: TaskPlace | null;
  attempts: number;
  submitted_at: string;
  started_at: string | null;
  ended_at: string | null;
  progress: number | null;
  needs: string;
  priority: number;
  durable_id: string;
  parent: string;
  group: string;
  actor: string;
}

export interface TaskCounts {
  kind: "counts";
  id: "counts";
  states: StateCounts;
  total: number;
  missing: TaskPlace[];
  window_max: number;
}

export interface TaskPage {
  items: Task[];
  next: string | null;
  counts: StateCounts;
  missing: TaskPlace[];
}

export interface TaskAttempt {
  number: number;
  node: TaskPlace;
  /** A process id; 0: not known. */
  worker: number;
  sent_at: string;
  started_at: string | null;
  ended_at: string | null;
  end: "" | "refused" | TaskState;
  why: string;
}

export interface TaskStory {
  task: Task;
  principal: TaskPlace;
  mode: "process" | "thread" | "loop";
  python: string;
  retries: number;
  at_most_once: boolean;
  deadline_s: number | null;
  progress_text: string;
  attempts: TaskAttempt[];
  attempts_left_out: number;
  error: { type: string; text: string; traceback: string } | null;
  output: { stream: "stdout" | "stderr"; text: string }[];
  is_output_cut: boolean;
}

/** Which tasks are asked for; what is empty says nothing. */
export interface Wanted {
  state: "" | TaskState;
  node: string;
  text: string;
}

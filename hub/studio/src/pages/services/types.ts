/** The shapes of /api/v1/services, as the hub sends them. */
import type { NodeState } from "../../api/types";

export const RUN_STATES = ["waiting", "fetching", "refused", "starting", "trial", "running", "restarting", "failing", "returned", "finished", "failed", "stopping"] as const;
export type ServiceRun = (typeof RUN_STATES)[number];

export interface ServiceRevision {
  number: number;
  by: string;
  at: string;
  bundle: string;
  needs: string;
  note: string;
  is_bad: boolean;
}

export interface ServiceNode {
  id: string;
  name: string;
  state: NodeState;
  run: ServiceRun;
  /** The number of the revision that runs; 0: none does. */
  running: number;
  why: string;
  restarts: number;
  is_canary: boolean;
  /** Whether this is about the last revision. */
  is_current: boolean;
  ports: Record<string, number>;
}

export interface Service {
  id: string;
  name: string;
  kind: "service" | "task" | "filter";
  wanted: "running" | "stopped";
  number: number;
  at: string;
  why: string;
  canaries: number;
  revision: ServiceRevision;
  past: ServiceRevision[];
  nodes: ServiceNode[];
  elsewhere: number;
}

/** A type of filters that a push has made; `inputs` and `outputs` by pin. */
export interface FilterType {
  type: string;
  push: string;
  description: string;
  inputs: Record<string, FilterPin>;
  outputs: Record<string, FilterPin>;
}

export interface FilterPin {
  type: string;
  formats: string[];
}

export interface ServiceLog {
  node: string;
  name: string;
  lines: string[];
  missing: boolean;
}

export interface PushWish {
  name: string;
  needs: string;
  note: string;
  canary: string;
}

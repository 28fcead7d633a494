/** The shapes of /api/v1/resources and /api/v1/needs, as the hub sends them. */
import type { NodeState } from "../../api/types";

export interface MeshResource {
  id: string;
  name: string;
  kind: "condition" | "quantity";
  unit: string;
  total: number;
  taken: number;
  free: number;
  waiting: number;
  shared: number;
  values: (string | boolean | number)[];
  nodes: number;
  away: number;
}

export interface ResourceNode {
  id: string;
  name: string;
  state: NodeState;
  value: string | boolean | number;
  taken: number;
  free: number;
  elsewhere: number;
  waiting: number;
  answered: boolean;
}

interface Work {
  task: string;
  node: string;
  /** The node that it is held for; null: of another project. */
  holder: string | null;
  project: string;
  since: string;
}

export interface ResourceHolder extends Work {
  attempt: number;
  amount: number;
  units: string[];
}

export interface ResourceWaiter extends Work {
  needs: string;
}

export interface ResourceShare {
  owner: string | null;
  total: number;
  free: number;
  rights: { node: string | null; units: number }[];
  is_frozen: boolean;
}

export interface ResourceDetail {
  resource: MeshResource;
  nodes: ResourceNode[];
  holders: ResourceHolder[];
  waiters: ResourceWaiter[];
  shares: ResourceShare[];
  names: Record<string, string>;
}

export interface NeedsAnswer {
  mistake: { column: number; what: string; advice: string } | null;
  hints: { column: number; text: string }[];
  never: string;
  nodes: { id: string; name: string; state: NodeState; fits: boolean; why: string }[];
}

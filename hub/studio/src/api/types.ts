/** The shapes of /api/v1, as the hub sends them. */
export const NODE_STATES = ["online", "stale", "expired", "offline", "pending", "denied"] as const;
export type NodeState = (typeof NODE_STATES)[number];

/** Whether a node in this state is there, so that what it said last still holds. */
export function isReached(state: NodeState): boolean {
  return state === "online" || state === "stale";
}

export type Labels = Record<string, string>;

export interface Resource {
  name: string;
  kind: string;
  value: number | string | boolean | null;
  unit: string | null;
}

export interface Device {
  id: string;
  kind: string;
  name: string;
  path: string | null;
}

export interface Node {
  id: string;
  name: string;
  tenant: string;
  project: string;
  state: NodeState;
  labels: Labels;
  resources: Resource[];
  devices: Device[];
  version: string | null;
  addresses: string[];
  enrolled_at: string | null;
  last_seen_at: string | null;
}

export interface Named {
  id: string;
  name: string;
}

export interface Session {
  user: { name: string; role: string };
  tenant: Named;
  project: Named;
  tenants: Named[];
  projects: Named[];
  version: string;
  mesh: string;
}

const LOOKS_ONLY = ["viewer", "annotator", "auditor"];

/** Whether who is signed in may change things; else the hub refuses it. */
export function mayChange(session: Session | undefined): boolean {
  return session !== undefined && !LOOKS_ONLY.includes(session.user.role);
}

export type Severity = "info" | "warning" | "alarm";

export interface HubEvent {
  id: string | number;
  at: string;
  kind: string;
  severity: Severity;
  text: string;
  subject: string | null;
  params?: Record<string, string | number | null> | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface NodePage extends Page<Node> {
  total: number;
}

export interface Overview {
  nodes: { online: number; stale: number; expired: number; offline: number; pending: number };
  events: HubEvent[];
}

export type Approval = "automatic" | "manual";

export interface TokenRequest {
  labels: Labels;
  max_uses: number;
  ttl_s: number;
  approval: Approval;
}

export interface IssuedToken {
  id: string;
  token: string;
  command: string;
  expires_at: string;
  max_uses: number;
}

export type BatchAction = "approve" | "deny" | "allow" | "label";

export interface BatchResult {
  id: string;
  status: number;
  detail?: string;
}

export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };

export interface FilterSpec {
  type: string;
  params?: Record<string, Value>;
  needs?: string;
  node?: string;
}

export interface ConnectionSpec {
  from: string;
  to: string;
  kind?: string;
  policy?: string;
  depth?: number;
  max_age_ms?: number;
}

export interface Pipeline {
  name?: string;
  filters: Record<string, FilterSpec>;
  connections?: ConnectionSpec[];
}

/** One parameter of a filter type, as JSON Schema. */
export interface ParamSchema {
  type: "boolean" | "integer" | "number" | "string" | "array";
  default?: Value;
  minimum?: number;
  maximum?: number;
  enum?: Value[];
  description?: string;
  writeOnly?: boolean;
  "x-unit"?: string;
  "x-file"?: boolean;
  "x-live"?: boolean;
}

export interface FilterType {
  description?: string;
  params?: { properties?: Record<string, ParamSchema>; required?: string[] };
}

export interface Template {
  id: string;
  name: string;
  description: string;
  /** The description in other languages. */
  descriptions: Record<string, string>;
  types: Record<string, FilterType>;
  pipeline: Pipeline;
  needs: Record<string, string>;
  fits: boolean;
  reasons: Record<string, string>;
}

export const RUN_STATES = ["running", "starting", "waiting", "failed", "finished", "stopped"] as const;
export type RunState = (typeof RUN_STATES)[number];

/** Filters that strong connections hold together: they run in one place and share one state. */
export interface FilterGroup {
  leader: string;
  filters: string[];
  node: string | null;
  state: string;
  error: string;
}

export interface Spread {
  p50: number;
  p99: number;
}

export interface FilterFigures {
  node?: string;
  frames_in?: number;
  frames_out?: number;
  fps?: number;
  run_ms?: Partial<Spread> | null;
  age_ms?: Partial<Spread> | null;
  counters?: Record<string, number>;
  report?: Record<string, Value>;
}

export interface EdgeFigures {
  kind?: string;
  policy?: string;
  depth?: number;
  sent?: number;
  received?: number;
  dropped?: number;
  expired?: number;
  discarded?: number;
  waiting?: number;
  fps?: number;
  queue_ms?: Partial<Spread> | null;
}

export interface Figures {
  filters?: Record<string, FilterFigures>;
  edges?: Record<string, EdgeFigures>;
}

export interface Deployment {
  id: string;
  name: string;
  tenant: string;
  project: string;
  state: RunState;
  wanted: string;
  revision: number;
  epoch: number;
  keeper: string | null;
  pipeline: Pipeline;
  nodes: Record<string, string>;
  node_names: Record<string, string>;
  reasons: Record<string, string>;
  groups: FilterGroup[];
  figures?: Figures | null;
  created_at: string | number;
  created_by: string;
}

export interface DeployRequest {
  template?: string;
  /** Another deployment, whose pipeline is taken with its secrets. */
  deployment?: string;
  pipeline?: Pipeline;
  name?: string;
  params?: Record<string, Value>;
  nodes?: Record<string, string>;
}

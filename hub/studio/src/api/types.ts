/** The shapes of /api/v1, as the hub sends them. */
export const NODE_STATES = ["online", "stale", "offline", "pending", "denied"] as const;
export type NodeState = (typeof NODE_STATES)[number];
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

export type Severity = "info" | "warning" | "alarm";

export interface HubEvent {
  id: string | number;
  at: string;
  kind: string;
  severity: Severity;
  text: string;
  subject: string | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface NodePage extends Page<Node> {
  total: number;
}

export interface Overview {
  nodes: { online: number; stale: number; offline: number; pending: number };
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

export type BatchAction = "approve" | "deny" | "label";

export interface BatchResult {
  id: string;
  status: number;
  detail?: string;
}

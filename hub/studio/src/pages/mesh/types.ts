/** What the hub says of the mesh: see `edge_hub.mesh_schemas`. */
import type { NodeState } from "../../api/types";

export interface MeshNode {
  kind: "node";
  id: string;
  name: string;
  state: NodeState;
  /** The side of the mesh: 0 is the hub's own, null is a node that was linked with nobody. */
  part: number | null;
  degree: number;
  is_hub: boolean;
}

export interface MeshLink {
  kind: "link";
  id: string;
  ends: [string, string];
  state: "up" | "last_known";
  in_tree: boolean;
  cost: number;
  rtt_ms: number | null;
  loss: number | null;
  /** Bytes per second that the line carries at least, as a class. */
  rate_at_least: number | null;
}

export type MeshItem = MeshNode | MeshLink;

export interface Mesh {
  nodes: MeshNode[];
  links: MeshLink[];
}

export interface MeshPath {
  /** `node` is null where a node of another project passes it on. */
  hops: { node: string | null; cost: number }[];
  cost: number;
}

export interface LinkFigures {
  peer: string | null;
  dialled: boolean | null;
  /** Seconds since 1970. */
  since_s: number | null;
  queued_bytes: number | null;
  carried_bytes: number | null;
}

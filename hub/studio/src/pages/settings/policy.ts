/** The policy of the mesh: what holds for all nodes, and what another one would change. */
import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { call, get } from "../../api/client";
import { useStream } from "../../api/live";
import { mergeById } from "../../api/merge";
import { asTold } from "../../api/told";
import type { NodeState } from "../../api/types";

const KEY = ["policy"] as const;
const DAY_MS = 86_400_000;
export const STALE_DAYS_MAX = 3650;

export interface MeshPolicy {
  kind: "policy";
  id: string;
  stale_days: number;
  stale_days_default: number;
  /** Counts decisions; 0 where nobody has decided anything. */
  revision: number;
  decided_at: string | null;
  by: string;
  issuer: string | null;
  issuer_name: string;
  may_decide: boolean;
  /** Names the policy that was seen, so that nobody changes another. */
  etag: string;
  /** How many nodes of other projects it applies to as well. */
  elsewhere: number;
}

export interface PolicyNode {
  kind: "node";
  id: string;
  name: string;
  state: NodeState;
  holds: "this" | "earlier" | "unknown";
  /** Until when an issuer has confirmed it. */
  fresh_until: string | null;
}

export interface PolicySnapshot {
  policy: MeshPolicy;
  nodes: PolicyNode[];
}

type Item = MeshPolicy | PolicyNode;

export function patchPolicy(client: QueryClient, upserts: Item[], removed: string[], whole: boolean): void {
  const policy = upserts.find((item) => item.kind === "policy");
  const nodes = upserts.filter((item) => item.kind === "node");
  client.setQueryData<PolicySnapshot>(KEY, (known) => {
    if (whole) return policy && { policy, nodes };
    return known && { policy: policy ?? known.policy, nodes: mergeById(known.nodes, nodes, removed) };
  });
}

/** What holds, as the stream has told it, else as the hub answers. */
function useAsTold() {
  const stream = useStream();
  const client = useQueryClient();
  return (ask: () => Promise<PolicySnapshot>) => asTold(stream, "policy", ask, () => client.getQueryData<PolicySnapshot>(KEY));
}

export function usePolicy() {
  const told = useAsTold();
  const stream = useStream();
  const client = useQueryClient();
  useEffect(() => stream?.watch("policy", (rows, removed, whole) => patchPolicy(client, rows as Item[], removed, whole)), [stream, client]);
  return useQuery({ queryKey: KEY, queryFn: ({ signal }) => told(() => get<PolicySnapshot>("/mesh/policy", signal)) });
}

export function useSetPolicy() {
  const told = useAsTold();
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ days, seen }: { days: number; seen: MeshPolicy }) =>
      told(async () => (await call<PolicySnapshot>("PUT", "/mesh/policy", { body: { stale_days: days }, ifMatch: seen.etag })).data),
    onSuccess: (snapshot) => client.setQueryData(KEY, snapshot),
    onError: () => client.invalidateQueries({ queryKey: KEY }),
  });
}

/** The days that somebody typed, or null for what cannot hold. */
export function daysFrom(typed: string | number): number | null {
  const days = typeof typed === "number" ? typed : /^\d+$/.test(typed.trim()) ? Number(typed) : Number.NaN;
  return Number.isInteger(days) && days >= 1 && days <= STALE_DAYS_MAX ? days : null;
}

/** Those that have not got it first, then by name. */
export function lateFirst(nodes: readonly PolicyNode[]): PolicyNode[] {
  return [...nodes].sort((a, b) => Number(a.holds === "this") - Number(b.holds === "this") || a.name.localeCompare(b.name));
}

/** The nodes that would no longer count with so many days, and those that would count again. */
export function effectOf(nodes: readonly PolicyNode[], days: number, now: number): { out: PolicyNode[]; back: PolicyNode[] } {
  const isOver = (node: PolicyNode) => node.fresh_until !== null && now >= Date.parse(node.fresh_until) + days * DAY_MS;
  return {
    out: nodes.filter((node) => node.state !== "expired" && isOver(node)),
    back: nodes.filter((node) => node.state === "expired" && node.fresh_until !== null && !isOver(node)),
  };
}

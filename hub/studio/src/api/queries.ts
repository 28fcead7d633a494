/** Queries and changes, each under one key, so that the live stream can patch them. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { call, get, post } from "./client";
import type {
  BatchAction,
  BatchResult,
  HubEvent,
  IssuedToken,
  Labels,
  Named,
  Node,
  NodePage,
  Overview,
  Page,
  Session,
  TokenRequest,
} from "./types";

export const NODES_PER_PAGE = 200;
export const EVENTS_KEPT = 50;

export const keys = {
  session: ["session"] as const,
  overview: ["overview"] as const,
  nodes: ["nodes"] as const,
  node: (id: string) => ["node", id] as const,
  events: ["events"] as const,
  templates: ["templates"] as const,
  deployments: ["deployments"] as const,
  deployment: (id: string) => ["deployment", id] as const,
};

export function useSession() {
  return useQuery({
    queryKey: keys.session,
    queryFn: ({ signal }) => get<Session>("/session", signal),
    staleTime: 60_000,
  });
}

export function useOverview() {
  return useQuery({ queryKey: keys.overview, queryFn: ({ signal }) => get<Overview>("/overview", signal) });
}

export function useEvents() {
  return useQuery({
    queryKey: keys.events,
    queryFn: ({ signal }) => get<Page<HubEvent>>(`/events?limit=${EVENTS_KEPT}`, signal),
  });
}

function nodesPath(filter: string, cursor: string | null): string {
  const query = new URLSearchParams({ limit: String(NODES_PER_PAGE) });
  if (filter) query.set("filter", filter);
  if (cursor) query.set("cursor", cursor);
  return `/nodes?${query.toString()}`;
}

export function useNodes(filter: string) {
  return useInfiniteQuery({
    queryKey: [...keys.nodes, filter],
    queryFn: ({ signal, pageParam }) => get<NodePage>(nodesPath(filter, pageParam), signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

/** A few nodes for the command palette: found by the hub, not among loaded rows only. */
export function useNodeSearch(words: string, enabled: boolean) {
  return useQuery({
    queryKey: ["node-search", words],
    queryFn: ({ signal }) => {
      const query = new URLSearchParams({ limit: "6", filter: words });
      return get<NodePage>(`/nodes?${query.toString()}`, signal);
    },
    enabled: enabled && words.length > 1,
    retry: false,
    placeholderData: keepPreviousData,
  });
}

export function useNode(id: string) {
  return useQuery({
    queryKey: keys.node(id),
    queryFn: ({ signal }) => call<Node>("GET", `/nodes/${encodeURIComponent(id)}`, { signal }),
  });
}

function useRefresh() {
  const client = useQueryClient();
  return () =>
    Promise.all([
      client.invalidateQueries({ queryKey: keys.nodes }),
      client.invalidateQueries({ queryKey: ["node"] }),
      client.invalidateQueries({ queryKey: keys.overview }),
    ]);
}

export interface NodeChange {
  name?: string;
  labels?: Labels;
}

export function useChangeNode(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (input: { change: NodeChange; etag: string | null }) =>
      call<Node>("PATCH", `/nodes/${encodeURIComponent(id)}`, { body: input.change, ifMatch: input.etag }),
    onSettled: refresh,
  });
}

export interface Batch {
  action: BatchAction;
  ids: string[];
  labels?: Labels;
}

export function useBatch() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (batch: Batch) => post<{ results: BatchResult[] }>("/nodes:batch", batch),
    onSettled: refresh,
  });
}

export function failed(result: BatchResult): boolean {
  return result.status >= 400;
}

export function useIssueToken() {
  return useMutation({
    mutationFn: (request: TokenRequest) => post<IssuedToken>("/enrolment-tokens", request),
  });
}

export function useRevokeToken() {
  return useMutation({
    mutationFn: (id: string) => call<void>("DELETE", `/enrolment-tokens/${encodeURIComponent(id)}`),
  });
}

export function useSignOut() {
  return useMutation({ mutationFn: () => post<void>("/sign-out") });
}

/** Everything that was loaded belongs to the project before, so all of it is asked again. */
export function useSwitchProject() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: { tenant?: string; project?: string }) => call<Session>("PATCH", "/session", { body: change }),
    onSuccess: ({ data }) => {
      client.setQueryData(keys.session, data);
      return client.resetQueries({ predicate: (query) => query.queryKey[0] !== keys.session[0] });
    },
  });
}

export function useCreateProject() {
  return useMutation({ mutationFn: (name: string) => post<Named>("/projects", { name }) });
}

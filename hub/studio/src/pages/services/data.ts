/** The services of the project shown: asked once, then kept fresh by the stream while the page is open. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call, get, post } from "../../api/client";
import { useLiveList } from "../../api/liveList";
import { formOf } from "./format";
import type { FilterType, PushWish, Service, ServiceLog } from "./types";

const KEY = ["services"] as const;
const LOGS_EVERY_MS = 2_000;
const TYPES_EVERY_MS = 5_000;
export const LINES = 200;

function path(name: string): string {
  return `/services/${encodeURIComponent(name)}`;
}

export function useServices() {
  return useLiveList<Service>("services");
}

/** What it printed last on all of its nodes, or on one. */
export function useLogs(name: string, node: string) {
  return useQuery({
    queryKey: ["service-logs", name, node],
    queryFn: ({ signal }) => get<{ items: ServiceLog[] }>(`${path(name)}/logs?${new URLSearchParams({ node, lines: String(LINES) }).toString()}`, signal),
    refetchInterval: LOGS_EVERY_MS,
    placeholderData: keepPreviousData,
  });
}

/** The filter types of a push, as its newest revision that a node has tells them; asked for anew with each `number`. */
export function useFilterTypes(push: string, number: number) {
  return useQuery({
    queryKey: ["filter-types", push, number],
    queryFn: ({ signal }) => get<{ items: FilterType[] }>("/filter-types", signal),
    select: (found) => found.items.filter((one) => one.push === push),
    refetchInterval: TYPES_EVERY_MS,
    placeholderData: keepPreviousData,
  });
}

export interface Pushed {
  name: string;
  number: number;
  never: string;
}

export function usePush() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ wish, files }: { wish: PushWish; files: File[] }) =>
      (await call<Pushed>("POST", "/services", { form: formOf(wish, files) })).data,
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
}

export type ServiceAct = { verb: "return"; revision: number } | { verb: "stop" | "start" | "remove" };

export function useAct(name: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (act: ServiceAct) => {
      if (act.verb === "remove") await call<void>("DELETE", path(name));
      else await post<Service>(`${path(name)}/${act.verb}`, act.verb === "return" ? { revision: act.revision } : {});
    },
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
}

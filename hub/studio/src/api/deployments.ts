/** Templates and deployments: what is asked and what is changed. */
import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { get, post } from "./client";
import { useStream } from "./live";
import { keys } from "./queries";
import { asTold } from "./told";
import type { BatchResult, Deployment, DeployRequest, Page, Template } from "./types";

function path(id: string): string {
  return `/deployments/${encodeURIComponent(id)}`;
}

export function previewAddress(id: string, filter: string): string {
  return `/api/v1${path(id)}/preview/${encodeURIComponent(filter)}`;
}

export function useTemplates(enabled = true) {
  return useQuery({
    queryKey: keys.templates,
    queryFn: ({ signal }) => get<Page<Template>>("/templates", signal),
    staleTime: 30_000,
    enabled,
  });
}

/** Keeps the figures coming while the caller is on the page. */
function useWatch(enabled: boolean) {
  const stream = useStream();
  useEffect(() => (enabled ? stream?.watch("deployments") : undefined), [stream, enabled]);
  return stream;
}

export function useDeployments(enabled = true) {
  const client = useQueryClient();
  const stream = useWatch(enabled);
  return useQuery({
    queryKey: keys.deployments,
    queryFn: ({ signal }) => asTold(stream, "deployments", () => get<Page<Deployment>>("/deployments?limit=200", signal), () => client.getQueryData(keys.deployments)),
    enabled,
  });
}

/** What is known of one: on its own page, or else in the list. */
function told(client: QueryClient, id: string): Deployment | undefined {
  const list = client.getQueryData<Page<Deployment>>(keys.deployments);
  return client.getQueryData<Deployment>(keys.deployment(id)) ?? list?.items.find((item) => item.id === id);
}

export function useDeployment(id: string) {
  const client = useQueryClient();
  const stream = useWatch(true);
  return useQuery({
    queryKey: keys.deployment(id),
    queryFn: ({ signal }) => asTold(stream, "deployments", () => get<Deployment>(path(id), signal), () => told(client, id)),
  });
}

export function useDeploy() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (request: DeployRequest) => post<Deployment>("/deployments", request),
    onSuccess: (made) => {
      client.setQueryData<Deployment>(keys.deployment(made.id), told(client, made.id) ?? made);
      void client.invalidateQueries({ queryKey: keys.deployments });
      void client.invalidateQueries({ queryKey: keys.templates });
    },
  });
}

export type DeploymentAction = "stop" | "delete";
/** One action on one or many deployments; each outcome is told, none hides another. */
export function useAct() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (order: { action: DeploymentAction; ids: string[] }) =>
      post<{ results: BatchResult[] }>("/deployments:batch", order),
    onSettled: (_results, _error, { action }) => {
      void client.invalidateQueries({ queryKey: keys.deployments });
      void client.invalidateQueries({ queryKey: keys.templates });
      // Whoever deletes is about to leave the page of what is gone.
      if (action === "stop") void client.invalidateQueries({ queryKey: ["deployment"] });
    },
  });
}

/** Templates and deployments: what is asked and what is changed. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
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
    queryFn: ({ signal }) => asTold(client, stream, "deployments", keys.deployments, () => get<Page<Deployment>>("/deployments?limit=200", signal)),
    enabled,
  });
}

export function useDeployment(id: string) {
  const client = useQueryClient();
  const stream = useWatch(true);
  return useQuery({
    queryKey: keys.deployment(id),
    queryFn: ({ signal }) => asTold(client, stream, "deployments", keys.deployment(id), () => get<Deployment>(path(id), signal)),
  });
}

export function useDeploy() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (request: DeployRequest) => post<Deployment>("/deployments", request),
    onSuccess: (made) => {
      client.setQueryData<Deployment>(keys.deployment(made.id), (told) => told ?? made);
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

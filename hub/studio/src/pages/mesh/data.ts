/** The mesh of the project shown: asked once, then kept fresh by the stream while a page shows it. */
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { get } from "../../api/client";
import { useStream } from "../../api/live";
import { mergeById } from "../../api/merge";
import { asTold } from "../../api/told";
import type { LinkFigures, Mesh, MeshItem, MeshLink, MeshNode, MeshPath } from "./types";

const KEY = ["mesh"] as const;
const FIGURES_EVERY_MS = 2_000;

export function patchMesh(client: QueryClient, upserts: MeshItem[], removed: string[], whole: boolean): void {
  const nodes = upserts.filter((item): item is MeshNode => item.kind === "node");
  const links = upserts.filter((item): item is MeshLink => item.kind === "link");
  client.setQueryData<Mesh>(KEY, (known) => {
    if (whole || !known) return whole ? { nodes, links } : known;
    return { nodes: mergeById(known.nodes, nodes, removed), links: mergeById(known.links, links, removed) };
  });
}

export function useMesh() {
  const stream = useStream();
  const client = useQueryClient();
  useEffect(
    () => stream?.watch("mesh", (upserts, removed, whole) => patchMesh(client, upserts as MeshItem[], removed, whole)),
    [stream, client],
  );
  return useQuery({ queryKey: KEY, queryFn: ({ signal }) => asTold(stream, "mesh", () => get<Mesh>("/mesh", signal), () => client.getQueryData<Mesh>(KEY)) });
}

/** The way between two nodes; asked again when links have changed, which `version` tells. */
export function useMeshPath(from: string | null, to: string | null, version: string) {
  return useQuery({
    queryKey: ["mesh-path", from, to, version],
    queryFn: ({ signal }) => get<MeshPath>(`/mesh/path?${new URLSearchParams({ from: from ?? "", to: to ?? "" }).toString()}`, signal),
    enabled: from !== null && to !== null,
    retry: false,
    placeholderData: (before, query) => (query?.queryKey[1] === from && query?.queryKey[2] === to ? before : undefined),
  });
}

export interface Measured {
  figures: LinkFigures[];
  at: number;
}

/** What a node itself says of its links, asked of it every two seconds while somebody looks. */
export function useNodeLinks(id: string | null, enabled: boolean) {
  return useQuery({
    queryKey: ["mesh-links", id],
    queryFn: async ({ signal }): Promise<Measured> => {
      const answer = await get<{ items: LinkFigures[] }>(`/mesh/nodes/${encodeURIComponent(id ?? "")}/links`, signal);
      return { figures: answer.items, at: performance.now() };
    },
    enabled: enabled && id !== null,
    refetchInterval: FIGURES_EVERY_MS,
    retry: false,
  });
}

/** The resources of the project shown: asked once, then kept fresh by the stream while the page is open. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import { useLiveList } from "../../api/liveList";
import type { MeshResource, NeedsAnswer, ResourceDetail } from "./types";

const ASK_EVERY_MS = 5_000;

export function useResources() {
  return useLiveList<MeshResource>("resources");
}

/** Who holds it and who waits, asked of its nodes: again when its figures have changed, which `version` tells. */
export function useResource(id: string, version: string) {
  return useQuery({
    queryKey: ["resource", id, version],
    queryFn: ({ signal }) => get<ResourceDetail>(`/resources/${encodeURIComponent(id)}`, signal),
    refetchInterval: ASK_EVERY_MS,
    placeholderData: keepPreviousData,
  });
}

/** Who satisfies an expression; asked again when what nodes have has changed, which `version` tells. */
export function useNeeds(needs: string, version: string) {
  return useQuery({
    queryKey: ["needs", needs, version],
    queryFn: ({ signal }) => get<NeedsAnswer>(`/needs?${new URLSearchParams({ needs }).toString()}`, signal),
    enabled: needs !== "",
    placeholderData: (before, query) => (query?.queryKey[1] === needs ? before : undefined),
  });
}

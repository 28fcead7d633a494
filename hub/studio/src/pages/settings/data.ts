/** The enrolment tokens of the project, newest first, page by page; of secrets the hub has none. */
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { call, get } from "../../api/client";
import { useEvents } from "../../api/queries";
import type { Approval, Labels, Page } from "../../api/types";

const TOKENS = ["tokens"] as const;
const TOKENS_PER_PAGE = 100;
const LOCAL = "local:";

export type TokenState = "live" | "used" | "expired" | "revoked" | "stolen";

export interface Token {
  id: string;
  labels: Labels;
  max_uses: number;
  uses: number;
  approval: Approval;
  expires_at: string;
  state: TokenState;
  created_at: string;
  created_by: string;
  /** The node whose place the box takes, or empty. */
  replaces: string;
  /** How often other keys showed it when it was used up. */
  thefts: number;
}

/** Whose doing it was: a user of the console, or an account of a machine; null if not known. */
export function makerOf(by: string): { name: string; isLocal: boolean } | null {
  if (!by) return null;
  return by.startsWith(LOCAL) ? { name: by.slice(LOCAL.length), isLocal: true } : { name: by, isLocal: false };
}

export function useTokens() {
  const client = useQueryClient();
  const newest = useEvents().data?.items[0]?.id;
  // Each event may be about a token: made, used, revoked or stolen.
  useEffect(() => void client.invalidateQueries({ queryKey: TOKENS }), [client, newest]);
  return useInfiniteQuery({
    queryKey: TOKENS,
    queryFn: ({ signal, pageParam }) => {
      const query = new URLSearchParams({ limit: String(TOKENS_PER_PAGE) });
      if (pageParam) query.set("cursor", pageParam);
      return get<Page<Token>>(`/enrolment-tokens?${query.toString()}`, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

/** Revokes one after the other; the first that fails ends it. */
export function useRevokeTokens() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (ids: string[]) => {
      for (const id of ids) await call<void>("DELETE", `/enrolment-tokens/${encodeURIComponent(id)}`);
    },
    onSettled: () => client.invalidateQueries({ queryKey: TOKENS }),
  });
}

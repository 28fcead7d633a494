/** Feeds the stream into the query cache, and tells the page whether what it shows is live. */
import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { eventText } from "../components/eventText";
import { mergeById, mergeEvents, mergeNodes } from "./merge";
import { EVENTS_KEPT, keys } from "./queries";
import { Stream, type StreamState, streamUrl } from "./stream";
import type { Deployment, HubEvent, Node, NodePage, Overview, Page } from "./types";
import { tell } from "../components/tell";

const REFRESH_AFTER_MS = 400;
const EVENTS_ON_OVERVIEW = 10;

interface Live {
  state: StreamState;
  /** When the last message arrived, in milliseconds since 1970. */
  heardAt: number;
}

const LiveContext = createContext<Live>({ state: "connecting", heardAt: 0 });

export function useLive(): Live {
  return useContext(LiveContext);
}

const StreamContext = createContext<Stream | null>(null);

/** The open stream, for those who ask it for more than nodes and events. */
export function useStream(): Stream | null {
  return useContext(StreamContext);
}

type Nodes = InfiniteData<NodePage, string | null>;

function patchNodes(client: QueryClient, upserts: Node[], removed: string[]): void {
  const byId = new Map(upserts.map((node) => [node.id, node]));
  const gone = new Set(removed);
  client.setQueriesData<Nodes>({ queryKey: keys.nodes }, (known) => {
    if (!known) return known;
    return { ...known, pages: known.pages.map((page) => ({ ...page, items: mergeNodes(page.items, byId, gone) })) };
  });
}

function patchEvents(client: QueryClient, events: HubEvent[]): void {
  client.setQueryData<Page<HubEvent>>(keys.events, (known) =>
    known ? { ...known, items: mergeEvents(known.items, events, EVENTS_KEPT) } : known,
  );
  client.setQueryData<Overview>(keys.overview, (known) =>
    known ? { ...known, events: mergeEvents(known.events, events, EVENTS_ON_OVERVIEW) } : known,
  );
}

/** Put what the stream sent into the list and into each deployment that is open. */
function patchDeployments(client: QueryClient, upserts: Deployment[], removed: string[], whole: boolean): void {
  client.setQueryData<Page<Deployment>>(keys.deployments, (known) =>
    whole ? { next: null, ...known, items: upserts } : known && { ...known, items: mergeById(known.items, upserts, removed) },
  );
  for (const item of upserts) {
    client.setQueryData<Deployment>(keys.deployment(item.id), (known) => (known ? item : known));
  }
  for (const id of removed) void client.invalidateQueries({ queryKey: keys.deployment(id) });
}

/** Collects bursts: filters, totals and ETags are the hub's to compute, so they are asked again, once. */
function makeRefresh(client: QueryClient) {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const refresh = () => {
    timer ??= setTimeout(() => {
      timer = null;
      void client.invalidateQueries({ queryKey: keys.nodes });
      void client.invalidateQueries({ queryKey: ["node"] });
      void client.invalidateQueries({ queryKey: keys.overview });
    }, REFRESH_AFTER_MS);
  };
  const stop = () => {
    if (timer !== null) clearTimeout(timer);
  };
  return { refresh, stop };
}

/** `scope` names the tenant and project shown: another scope is another stream. */
export function LiveProvider({ scope, children }: { scope: string; children: ReactNode }) {
  const client = useQueryClient();
  const [opened, setOpened] = useState<Stream | null>(null);
  const [live, setLive] = useState<Live>({ state: "connecting", heardAt: Date.now() });
  useEffect(() => {
    const { refresh, stop } = makeRefresh(client);
    let before = false;
    const stream = new Stream(streamUrl(window.location), {
      onState: (state) => {
        setLive((now) => ({ state, heardAt: state === "live" ? Date.now() : now.heardAt }));
        // The hub may be away, or the session may have ended.
        if (state === "lost") void client.invalidateQueries({ queryKey: keys.session });
      },
      onNodes: (upserts, removed, whole) => {
        patchNodes(client, upserts, removed);
        // The first snapshot only repeats what the pages are loading anyway.
        if (!whole || before) refresh();
        before = true;
      },
      onDeployments: (upserts, removed, whole) => patchDeployments(client, upserts, removed, whole),
      onEvents: (events, whole) => {
        patchEvents(client, events);
        if (whole) return;
        for (const event of events.filter((item) => item.severity === "alarm")) {
          tell({ id: `event-${event.id}`, color: "red", message: eventText(event), autoClose: 10_000 });
        }
      },
    });
    stream.start();
    setOpened(stream);
    return () => {
      stop();
      stream.close();
    };
  }, [client, scope]);
  return (
    <StreamContext value={opened}>
      <LiveContext value={live}>{children}</LiveContext>
    </StreamContext>
  );
}

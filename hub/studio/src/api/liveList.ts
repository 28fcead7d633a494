/** A list that is asked once and then kept fresh by the stream, while a page shows it. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { get } from "./client";
import { useStream } from "./live";
import { mergeById } from "./merge";
import type { Watched } from "./stream";
import { asTold } from "./told";

export interface LiveList<T> {
  items: T[];
}

/** What the stream sent, put into the list: a delta to a list that was not asked yet is dropped. */
export function patched<T extends { id: string }>(known: LiveList<T> | undefined, rows: T[], removed: readonly string[], whole: boolean): LiveList<T> | undefined {
  if (whole) return { ...known, items: rows };
  return known && { ...known, items: mergeById(known.items, rows, removed) };
}

/** The list of `topic`, which is also the key of its query; `path` gives as much as the stream shows. */
export function useLiveList<T extends { id: string }>(topic: Watched, path = `/${topic}`) {
  const stream = useStream();
  const client = useQueryClient();
  useEffect(
    () =>
      stream?.watch(topic, (rows, removed, whole) => {
        client.setQueryData<LiveList<T>>([topic], (known) => patched(known, rows as T[], removed, whole));
      }),
    [stream, client, topic],
  );
  return useQuery({
    queryKey: [topic],
    queryFn: ({ signal }) =>
      asTold(
        stream,
        topic,
        () => get<LiveList<T>>(path, signal),
        (answer) => {
          const list = client.getQueryData<LiveList<T>>([topic]);
          return list && { ...answer, items: list.items };
        },
      ),
    refetchOnWindowFocus: false,
  });
}

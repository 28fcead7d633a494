/** The newest tasks, kept fresh by the stream; what is older or looked for, page by page. */
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, post } from "../../api/client";
import { useLiveList } from "../../api/liveList";
import { hasEnded, isWanted, newest, queryOf } from "./format";
import type { StateCounts, Task, TaskCounts, TaskPage, TaskPlace, TaskStory, Wanted } from "./types";

const PAGE = 200;
const FOUND_EVERY_MS = 3_000;
const BELOW_MAX = 50;
const STORY_EVERY_MS = 1_000;

interface Shown {
  tasks: Task[];
  counts: StateCounts | undefined;
  missing: TaskPlace[];
}

/** The newest tasks of the project and how many there are in each state. */
export function useNewest() {
  const list = useLiveList<Task | TaskCounts>("tasks", `/tasks?limit=${PAGE}`);
  const known = list.data as (Partial<Omit<TaskPage, "items">> & { items: (Task | TaskCounts)[] }) | undefined;
  const told = known?.items.find((one): one is TaskCounts => one.kind === "counts");
  const shown: Shown = {
    tasks: known?.items.filter((one): one is Task => one.kind === "task") ?? [],
    counts: told?.states ?? known?.counts,
    missing: told?.missing ?? known?.missing ?? [],
  };
  return { ...list, shown };
}

/** What the hub finds; `isAsked` is false while the newest ones are enough. */
export function useFound(wanted: Wanted, isAsked: boolean) {
  return useInfiniteQuery({
    queryKey: ["tasks-found", wanted],
    queryFn: ({ pageParam, signal }) => get<TaskPage>(`/tasks?${queryOf(wanted, pageParam, PAGE)}`, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    enabled: isAsked,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => FOUND_EVERY_MS * Math.max(1, query.state.data?.pages.length ?? 1),
  });
}

/** What is shown of both. */
export function together(fresh: readonly Task[], pages: readonly TaskPage[], wanted: Wanted): Task[] {
  return newest(fresh, ...pages.map((page) => page.items)).filter((task) => isWanted(task, wanted));
}

function path(id: string): string {
  return `/tasks/${encodeURIComponent(id)}`;
}

/** All that is remembered of a task; asked again while it goes on. */
export function useStory(id: string) {
  return useQuery({
    queryKey: ["task", id],
    queryFn: ({ signal }) => get<TaskStory>(path(id), signal),
    refetchInterval: (query) => (query.state.data && hasEnded(query.state.data.task.state) ? false : STORY_EVERY_MS),
  });
}

/** The tasks that a task has submitted, the newest first. */
export function useBelow(id: string) {
  return useQuery({
    queryKey: ["tasks-below", id],
    queryFn: ({ signal }) => get<TaskPage>(`/tasks?${new URLSearchParams({ parent: id, limit: String(BELOW_MAX) }).toString()}`, signal),
    refetchInterval: FOUND_EVERY_MS,
  });
}

export function useCancel(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post<Task>(`${path(id)}/cancel`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: ["task", id] }),
  });
}

import { Button, Group, Select, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconListCheck, IconSearch } from "@tabler/icons-react";
import { useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useQueryFields } from "../../components/address";
import { EmptyNotice, ErrorNotice } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import { together, useFound, useNewest } from "./data";
import { States } from "./States";
import { TaskDrawer } from "./TaskDrawer";
import { TaskTable } from "./TaskTable";
import { addTaskWords, TASK_WORDS } from "./texts";
import { TASK_STATES, type TaskPlace, type TaskState, type Wanted } from "./types";
import "./tasks.css";

addTaskWords();
const TYPING_MS = 250;

/** The state, the node and the open task live in the address, so that a link shows the same thing. */
function useAddress() {
  const { query, set } = useQueryFields();
  const told = query.get("state") ?? "";
  const state: "" | TaskState = TASK_STATES.find((one) => one === told) ?? "";
  return { state, node: query.get("node") ?? "", open: query.get("open"), set };
}

/** The nodes that tasks on the page were submitted at or run on. */
function choices(places: readonly (TaskPlace | null)[]): { value: string; label: string }[] {
  const known = new Map<string, string>();
  for (const place of places) if (place?.id) known.set(place.id, place.name);
  return [...known].map(([value, label]) => ({ value, label })).sort((a, b) => a.label.localeCompare(b.label));
}

export default function Tasks() {
  const { t } = useTranslation(TASK_WORDS);
  const { state, node, open, set } = useAddress();
  const [text, setText] = useState("");
  const [words] = useDebouncedValue(text, TYPING_MS);
  const [older, setOlder] = useState(false);
  const wanted: Wanted = { state, node, text: words };
  const looks = Boolean(state || node || words.trim());
  const fresh = useNewest();
  const asks = looks || older;
  const found = useFound(wanted, asks);
  const pages = asks ? (found.data?.pages ?? []) : [];
  const { counts, missing } = fresh.shown;
  const tasks = together(fresh.shown.tasks, pages, wanted);
  const total = counts ? Object.values(counts).reduce((sum, one) => sum + one, 0) : 0;
  const more = asks ? found.hasNextPage : total > fresh.shown.tasks.length;
  const showMore = () => {
    if (asks) void found.fetchNextPage();
    setOlder(true);
  };
  const { hasNextPage, fetchNextPage } = found;
  useEffect(() => {
    // The first page is what the stream shows already.
    if (older && !looks && pages.length === 1 && hasNextPage) void fetchNextPage();
  }, [older, looks, pages.length, hasNextPage, fetchNextPage]);
  const onOpen = useCallback((id: string) => set({ open: id }), [set]);
  const nodes = choices(fresh.shown.tasks.flatMap((task) => [task.home, task.node]));
  const isEmpty = fresh.isSuccess && total === 0 && fresh.shown.tasks.length === 0;
  return (
    <>
      <PageHead title={t("title")} subtitle={t("subtitle")} />
      <Stack gap="md">
        {fresh.isPending && <Skeleton height={240} radius={12} aria-hidden />}
        {fresh.isError && !fresh.data && <ErrorNotice error={fresh.error} onRetry={() => void fresh.refetch()} />}
        {isEmpty && (
          <div className="card">
            <EmptyNotice icon={<IconListCheck size={40} stroke={1.3} />} title={t("empty")} body={t("emptyBody")} />
          </div>
        )}
        {fresh.isSuccess && !isEmpty && (
          <>
            {counts && <States counts={counts} total={total} chosen={state} onChoose={(one) => set({ state: one })} />}
            <Group gap="sm">
              <TextInput
                aria-label={t("search")}
                placeholder={t("searchHint")}
                leftSection={<IconSearch size={15} />}
                value={text}
                maxLength={200}
                onChange={(event) => setText(event.currentTarget.value)}
                style={{ flex: "1 1 220px", maxWidth: 360 }}
              />
              <Select
                aria-label={t("node")}
                placeholder={t("anyNode")}
                data={nodes}
                value={node || null}
                clearable
                onChange={(value) => set({ node: value ?? "" })}
                style={{ flex: "0 1 200px" }}
              />
            </Group>
            {missing.length > 0 && (
              <Text size="sm" c="dimmed" role="status">
                {t("missing", { names: missing.map((one) => one.name || t("elsewhere")).join(t("comma")) })}
              </Text>
            )}
            {found.isError && <ErrorNotice error={found.error} onRetry={() => void found.refetch()} />}
            {tasks.length > 0 ? (
              <TaskTable tasks={tasks} onOpen={onOpen} />
            ) : (
              !(looks && found.isPending) && (
                <Text c="dimmed" size="sm" role="status">
                  {t("none")}
                </Text>
              )
            )}
            {more && (
              <Button variant="default" size="xs" loading={found.isFetchingNextPage} onClick={showMore} style={{ alignSelf: "flex-start" }}>
                {t("older")}
              </Button>
            )}
          </>
        )}
      </Stack>
      {open && <TaskDrawer key={open} id={open} onOpen={onOpen} onClose={() => set({ open: "" })} />}
    </>
  );
}

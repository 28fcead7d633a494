import { Button, Group, Select, Stack, Text } from "@mantine/core";
import { IconFilterOff, IconPlus, IconServer2 } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/client";
import { useNodes } from "../../api/queries";
import { NODE_STATES, type NodeState } from "../../api/types";
import { useQueryFields } from "../../components/address";
import { EmptyNotice, ErrorNotice } from "../../components/Notices";
import { heard } from "../../i18n/heard";
import { PageHead } from "../../components/PageHead";
import { AddDevice } from "./AddDevice";
import { BulkBar } from "./BulkBar";
import { FilterBox } from "./FilterBox";
import { NodeDrawer } from "./NodeDrawer";
import { NodeTable, TableSkeleton } from "./NodeTable";

/** Filter, open node and dialog live in the address, so that a link shows the same thing. */
function useAddress() {
  const { query, set } = useQueryFields();
  const state = NODE_STATES.find((one) => one === query.get("state")) ?? null;
  return { filter: query.get("filter") ?? "", state, node: query.get("node"), adding: query.has("add"), set };
}

function isFilterError(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 400 || error.status === 422);
}

/** The hub filters by words and resources; the state is narrowed here, over all of its pages. */
function useRows(filter: string, state: NodeState | null) {
  const nodes = useNodes(filter);
  const { hasNextPage, isFetching, isError, fetchNextPage } = nodes;
  useEffect(() => {
    if (state && hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [state, hasNextPage, isFetching, isError, fetchNextPage]);
  const rows = useMemo(() => {
    const all = nodes.data?.pages.flatMap((page) => page.items) ?? [];
    return state ? all.filter((node) => node.state === state) : all;
  }, [nodes.data, state]);
  const total = state ? rows.length : (nodes.data?.pages.at(-1)?.total ?? 0);
  return { nodes, rows, total };
}

function StateSelect({ state, onChange }: { state: NodeState | null; onChange: (state: string | null) => void }) {
  const { t } = useTranslation();
  const data = [{ value: "", label: t("devices.anyState") }, ...NODE_STATES.map((value) => ({ value, label: t(`state.${value}`) }))];
  return <Select w={190} label={t("devices.state")} data={data} value={state ?? ""} allowDeselect={false} onChange={onChange} />;
}

export default function Devices() {
  const { t } = useTranslation();
  const { filter, state, node, adding, set } = useAddress();
  const { nodes, rows, total } = useRows(filter, state);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const open = useCallback((id: string) => set({ node: id }), [set]);
  const wrong = isFilterError(nodes.error) ? nodes.error : null;
  const selected = useMemo(() => rows.filter((row) => chosen.has(row.id)), [rows, chosen]);
  const clear = () => set({ filter: null, state: null });
  const add = (
    <Button style={{ flex: "none" }} leftSection={<IconPlus size={16} />} onClick={() => set({ add: "1" })}>
      {t("devices.add")}
    </Button>
  );
  const empty = nodes.isSuccess && rows.length === 0;
  return (
    <>
      <PageHead title={t("devices.title")} subtitle={t("devices.subtitle")}>
        {add}
      </PageHead>
      <Stack gap="md">
        <Group align="flex-start">
          <FilterBox filter={filter} error={wrong ? heard(wrong.detail) || wrong.title : undefined} onChange={(value) => set({ filter: value })} />
          <StateSelect state={state} onChange={(value) => set({ state: value })} />
        </Group>
        {nodes.isPending && <TableSkeleton />}
        {nodes.isError && !wrong && rows.length === 0 && (
          <ErrorNotice error={nodes.error} onRetry={() => void nodes.refetch()} />
        )}
        {empty && (
          <div className="card">
            {filter || state ? (
              <EmptyNotice
                icon={<IconFilterOff size={38} stroke={1.3} />}
                title={t("devices.noMatchTitle")}
                body={t("devices.noMatchBody")}
                action={<Button variant="default" onClick={clear}>{t("devices.clearFilter")}</Button>}
              />
            ) : (
              <EmptyNotice
                icon={<IconServer2 size={40} stroke={1.3} />}
                title={t("devices.emptyTitle")}
                body={t("overview.emptyBody")}
              />
            )}
          </div>
        )}
        {rows.length > 0 && (
          <>
            <Text size="xs" c="dimmed" role="status">
              {rows.length < total
                ? t("devices.shown", { shown: rows.length, total })
                : t("devices.count", { count: total })}
            </Text>
            <NodeTable rows={rows} chosen={chosen} onChoose={setChosen} onOpen={open} />
          </>
        )}
        {nodes.hasNextPage && (
          <Group justify="center">
            <Button variant="default" loading={nodes.isFetchingNextPage} onClick={() => void nodes.fetchNextPage()}>
              {t("devices.more")}
            </Button>
          </Group>
        )}
      </Stack>
      {selected.length > 0 && <BulkBar nodes={selected} onDone={() => setChosen(new Set())} />}
      {adding && <AddDevice onClose={() => set({ add: null })} />}
      {node && <NodeDrawer key={node} id={node} onClose={() => set({ node: null })} />}
    </>
  );
}

import { Button, Group, Stack, Text } from "@mantine/core";
import { IconFilterOff, IconPlus, IconServer2 } from "@tabler/icons-react";
import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { ApiError } from "../../api/client";
import { useNodes } from "../../api/queries";
import { EmptyNotice, ErrorNotice } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import { AddDevice } from "./AddDevice";
import { BulkBar } from "./BulkBar";
import { FilterBox } from "./FilterBox";
import { NodeDrawer } from "./NodeDrawer";
import { NodeTable, TableSkeleton } from "./NodeTable";

/** Filter, open node and dialog live in the address, so that a link shows the same thing. */
function useAddress() {
  const [query, setQuery] = useSearchParams();
  const set = useCallback(
    (name: string, value: string | null) =>
      setQuery(
        (before) => {
          const after = new URLSearchParams(before);
          if (value) after.set(name, value);
          else after.delete(name);
          return after;
        },
        { replace: name === "filter" },
      ),
    [setQuery],
  );
  return { filter: query.get("filter") ?? "", node: query.get("node"), adding: query.has("add"), set };
}

function isFilterError(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 400 || error.status === 422);
}

export default function Devices() {
  const { t } = useTranslation();
  const { filter, node, adding, set } = useAddress();
  const nodes = useNodes(filter);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const open = useCallback((id: string) => set("node", id), [set]);
  const wrong = isFilterError(nodes.error) ? nodes.error : null;
  const rows = useMemo(() => nodes.data?.pages.flatMap((page) => page.items) ?? [], [nodes.data]);
  const total = nodes.data?.pages.at(-1)?.total ?? 0;
  const selected = useMemo(() => rows.filter((row) => chosen.has(row.id)), [rows, chosen]);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => set("add", "1")}>
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
        <FilterBox key={filter} filter={filter} error={wrong?.detail || wrong?.title} onChange={(value) => set("filter", value)} />
        {nodes.isPending && <TableSkeleton />}
        {nodes.isError && !wrong && rows.length === 0 && (
          <ErrorNotice error={nodes.error} onRetry={() => void nodes.refetch()} />
        )}
        {empty && (
          <div className="card">
            {filter ? (
              <EmptyNotice
                icon={<IconFilterOff size={38} stroke={1.3} />}
                title={t("devices.noMatchTitle")}
                body={t("devices.noMatchBody")}
                action={<Button variant="default" onClick={() => set("filter", null)}>{t("devices.clearFilter")}</Button>}
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
      {selected.length > 0 && <BulkBar ids={selected.map((row) => row.id)} onDone={() => setChosen(new Set())} />}
      {adding && <AddDevice onClose={() => set("add", null)} />}
      {node && <NodeDrawer key={node} id={node} onClose={() => set("node", null)} />}
    </>
  );
}

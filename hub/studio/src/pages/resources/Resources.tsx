import { Skeleton, Stack, Text } from "@mantine/core";
import { IconStack2 } from "@tabler/icons-react";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useQueryFields } from "../../components/address";
import { EmptyNotice, ErrorNotice } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import { useResources } from "./data";
import { split } from "./format";
import { NeedsBox } from "./NeedsBox";
import { ResourceDrawer } from "./ResourceDrawer";
import { Conditions, Quantities } from "./ResourceTables";
import { addResourceWords, RESOURCE_WORDS } from "./texts";
import type { MeshResource } from "./types";
import "./resources.css";

addResourceWords();
const NOTHING: MeshResource[] = [];

/** The expression and the open resource live in the address, so that a link shows the same thing. */
function useAddress() {
  const { query, set: change } = useQueryFields();
  const set = useCallback((name: "needs" | "open", value: string | null) => change({ [name]: value }), [change]);
  return { needs: query.get("needs") ?? "", open: query.get("open"), set };
}

export default function Resources() {
  const { t } = useTranslation(RESOURCE_WORDS);
  const { needs, open, set } = useAddress();
  const resources = useResources();
  const items = resources.data?.items ?? NOTHING;
  const { quantities, conditions } = useMemo(() => split(items), [items]);
  const version = useMemo(() => items.map((item) => `${item.id}${item.nodes}/${item.total}/${item.taken}`).join(), [items]);
  const show = useCallback((id: string) => set("open", id), [set]);
  const opened = items.find((item) => item.id === open);
  return (
    <>
      <PageHead title={t("title")} subtitle={t("subtitle")} />
      <Stack gap="md">
        <NeedsBox needs={needs} version={version} onChange={(text) => set("needs", text)} />
        {resources.isPending && <Skeleton height={320} radius={12} aria-hidden />}
        {resources.isError && !resources.data && <ErrorNotice error={resources.error} onRetry={() => void resources.refetch()} />}
        {resources.isSuccess && items.length === 0 && (
          <div className="card">
            <EmptyNotice icon={<IconStack2 size={40} stroke={1.3} />} title={t("empty")} body={t("emptyBody")} />
          </div>
        )}
        {items.length > 0 && (
          <>
            <Text size="xs" c="dimmed" role="status">
              {t("count", { quantities: quantities.length, conditions: conditions.length })}
            </Text>
            {quantities.length > 0 && <Quantities items={quantities} onOpen={show} />}
            {conditions.length > 0 && <Conditions items={conditions} onOpen={show} />}
          </>
        )}
      </Stack>
      {open && <ResourceDrawer key={open} id={open} version={opened ? JSON.stringify(opened) : ""} onClose={() => set("open", null)} />}
    </>
  );
}

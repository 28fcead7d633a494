import { Button, Skeleton, Stack, Table } from "@mantine/core";
import { IconPackages, IconUpload } from "@tabler/icons-react";
import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { EmptyNotice, ErrorNotice } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import { RunMark } from "../../components/State";
import { TableHeads } from "../../components/TableHeads";
import { Ago } from "../../components/Time";
import { useServices } from "./data";
import { summary } from "./format";
import { PushDialog } from "./PushDialog";
import { ServiceDrawer } from "./ServiceDrawer";
import { addServiceWords, SERVICE_WORDS } from "./texts";
import type { Service } from "./types";
import "./services.css";

addServiceWords();
const NOTHING: Service[] = [];

/** The open service lives in the address, so that a link shows the same thing. */
function useOpen() {
  const [query, setQuery] = useSearchParams();
  const set = useCallback((name: string | null) => setQuery(name ? { open: name } : {}), [setQuery]);
  return { open: query.get("open"), set };
}

function List({ items, onOpen }: { items: Service[]; onOpen: (name: string) => void }) {
  const { t } = useTranslation([SERVICE_WORDS, "translation"]);
  const heads = (["name", "kind", "state", "revision", "nodes", "pushed"] as const).map((head) => t(`columns.${head}`));
  return (
    <section className="card" style={{ overflow: "hidden" }} aria-label={t("list")}>
      <Table.ScrollContainer minWidth={520} type="native" tabIndex={0} role="group" aria-label={t("list")}>
        <Table className="nodes" aria-label={t("list")} highlightOnHover highlightOnHoverColor="var(--edge-hover)" verticalSpacing={9}>
          <TableHeads heads={heads} />
          <Table.Tbody>
            {items.map((item) => {
              const { mark, well, total } = summary(item);
              return (
                <Table.Tr key={item.id} onClick={() => onOpen(item.name)}>
                  <Table.Td>
                    <button type="button" className="node-name">
                      {item.name}
                    </button>
                  </Table.Td>
                  <Table.Td>{t(`kind.${item.kind}`)}</Table.Td>
                  <Table.Td>
                    <RunMark state={mark} />
                  </Table.Td>
                  <Table.Td>{item.revision.number}</Table.Td>
                  <Table.Td>{t("well", { well, total })}</Table.Td>
                  <Table.Td>
                    <Ago at={item.revision.at} />
                  </Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}

export default function Services() {
  const { t } = useTranslation(SERVICE_WORDS);
  const { open, set } = useOpen();
  const [pushing, setPushing] = useState<string | null>(null);
  const services = useServices();
  const items = [...(services.data?.items ?? NOTHING)].sort((a, b) => a.name.localeCompare(b.name));
  const push = (
    <Button leftSection={<IconUpload size={16} />} onClick={() => setPushing("")}>
      {t("push")}
    </Button>
  );
  return (
    <>
      <PageHead title={t("title")} subtitle={t("subtitle")}>
        {items.length > 0 && push}
      </PageHead>
      <Stack gap="md">
        {services.isPending && <Skeleton height={240} radius={12} aria-hidden />}
        {services.isError && !services.data && <ErrorNotice error={services.error} onRetry={() => void services.refetch()} />}
        {services.isSuccess && items.length === 0 && (
          <div className="card">
            <EmptyNotice icon={<IconPackages size={40} stroke={1.3} />} title={t("empty")} body={t("emptyBody")} action={push} />
          </div>
        )}
        {items.length > 0 && <List items={items} onOpen={set} />}
      </Stack>
      {open && services.data && (
        <ServiceDrawer
          key={open}
          name={open}
          service={items.find((item) => item.name === open)}
          onRetry={() => void services.refetch()}
          onPush={() => {
            set(null);
            setPushing(open);
          }}
          onClose={() => set(null)}
        />
      )}
      {pushing !== null && <PushDialog name={pushing} service={items.find((item) => item.name === pushing)} onClose={() => setPushing(null)} />}
    </>
  );
}

import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { amount } from "../../components/Chips";
import { DetailDrawer } from "../../components/DetailDrawer";
import { NodeLink } from "../../components/NodeLink";
import { PartTable } from "../../components/PartTable";
import { StateMark } from "../../components/State";
import { Ago } from "../../components/Time";
import { Bar } from "./Bar";
import { useResource } from "./data";
import { units } from "./format";
import { RESOURCE_WORDS } from "./texts";
import type { ResourceDetail } from "./types";

function Place({ id, names }: { id: string | null; names: Record<string, string> }) {
  const { t } = useTranslation(RESOURCE_WORDS);
  if (id === null) return <>{t("stranger")}</>;
  return <NodeLink id={id} name={names[id] ?? id.slice(0, 8)} />;
}

function Nodes({ detail }: { detail: ResourceDetail }) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const { resource, nodes, names } = detail;
  const isQuantity = resource.kind === "quantity";
  const value = (one: string | boolean | number) => (typeof one === "boolean" ? t(one ? "yes" : "no") : amount({ value: one, unit: resource.unit }));
  const rows = nodes.map((node) => [
    <Place key="name" id={node.id} names={names} />,
    <StateMark key="state" state={node.state} />,
    isQuantity && typeof node.value === "number" ? (
      <Bar key="bar" total={node.value} taken={node.taken} elsewhere={node.elsewhere} unit={resource.unit} />
    ) : (
      value(node.value)
    ),
  ]);
  const heads = [t("columns.node"), t("columns.state"), t(isQuantity ? "columns.use" : "columns.value")];
  return <PartTable title={t("parts.nodes")} heads={heads} rows={rows} empty={t("parts.noNodes")} />;
}

function Holders({ detail }: { detail: ResourceDetail }) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const { resource, holders, names, nodes } = detail;
  const silent = nodes.filter((node) => !node.answered).map((node) => node.name);
  const rows = holders.map((one) => [
    <span key="task" title={one.units.join("\n") || undefined}>
      {one.task}
      <Text size="xs" c="dimmed">
        {t("attempt", { attempt: one.attempt, project: one.project })}
      </Text>
    </span>,
    units(one.amount, resource.unit),
    <Place key="node" id={one.node} names={names} />,
    <Place key="holder" id={one.holder} names={names} />,
    <Ago key="since" at={one.since} />,
  ]);
  const heads = (["task", "amount", "node", "holder", "since"] as const).map((head) => t(`columns.${head}`));
  return (
    <>
      <PartTable title={t("parts.holders")} heads={heads} rows={rows} empty={t("parts.noHolders")} />
      {silent.length > 0 && (
        <Text size="xs" c="dimmed" mt="calc(-1 * var(--mantine-spacing-md))">
          {t("silent", { names: silent.join(t("comma")) })}
        </Text>
      )}
    </>
  );
}

function Waiters({ detail }: { detail: ResourceDetail }) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const rows = detail.waiters.map((one) => [
    one.task,
    <code key="needs">{one.needs}</code>,
    <Place key="node" id={one.node} names={detail.names} />,
    <Ago key="since" at={one.since} />,
  ]);
  const heads = (["task", "needs", "node", "since"] as const).map((head) => t(`columns.${head}`));
  return <PartTable title={t("parts.waiters")} heads={heads} rows={rows} empty={t("parts.noWaiters")} />;
}

function Shares({ detail }: { detail: ResourceDetail }) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const { names, shares } = detail;
  const rows = shares.map((share) => [
    <Place key="owner" id={share.owner} names={names} />,
    String(share.total),
    String(share.free),
    <span key="rights">
      {share.rights.map(({ node, units: held }, at) => (
        <span key={node ?? ""}>
          {at > 0 && t("comma")}
          <Place id={node} names={names} /> {held}
        </span>
      ))}
      {share.is_frozen && (
        <Text size="xs" c="var(--edge-stale)">
          {t("frozen")}
        </Text>
      )}
    </span>,
  ]);
  const heads = (["owner", "total", "notGiven", "rights"] as const).map((head) => t(`columns.${head}`));
  return <PartTable title={t("parts.shares")} heads={heads} rows={rows} empty="" />;
}

function Body({ detail }: { detail: ResourceDetail }) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const { resource } = detail;
  const isQuantity = resource.kind === "quantity";
  return (
    <Stack gap="xl">
      <Text size="sm" c="dimmed">
        {t(isQuantity ? "isQuantity" : "isCondition", { name: resource.name })}
      </Text>
      {isQuantity && <Bar total={resource.total} taken={resource.taken} unit={resource.unit} />}
      {isQuantity && <Holders detail={detail} />}
      {isQuantity && <Waiters detail={detail} />}
      <Nodes detail={detail} />
      {detail.shares.length > 0 && <Shares detail={detail} />}
    </Stack>
  );
}

interface DrawerProps {
  id: string;
  /** Changes with the figures of this resource. */
  version: string;
  onClose: () => void;
}

export function ResourceDrawer({ id, version, onClose }: DrawerProps) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const query = useResource(id, version);
  const detail = query.data?.resource.id === id ? query.data : undefined;
  const name = detail?.resource.name ?? id.slice(id.indexOf(":") + 1);
  return (
    <DetailDrawer title={name} error={query.error} gone={t("gone")} onRetry={() => void query.refetch()} onClose={onClose}>
      {detail && <Body detail={detail} />}
    </DetailDrawer>
  );
}

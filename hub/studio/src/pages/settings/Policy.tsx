import { Button, Group, Skeleton, Stack, Table, Text, Title } from "@mantine/core";
import { IconCircleCheckFilled, IconClockExclamation, IconHelpCircle, IconPencil } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "../../api/queries";
import { Facts } from "../../components/Facts";
import { NodeLink } from "../../components/NodeLink";
import { ErrorNotice } from "../../components/Notices";
import { StateMark } from "../../components/State";
import { TableHeads } from "../../components/TableHeads";
import { Ago, When } from "../../components/Time";
import { makerOf } from "./data";
import { lateFirst, type MeshPolicy, type PolicyNode, type PolicySnapshot, usePolicy } from "./policy";
import { PolicyDialog } from "./PolicyDialog";
import "./policy.css";
import { SETTINGS_WORDS } from "./texts";

const ROWS = 10;
const MARKS = {
  this: { Icon: IconCircleCheckFilled, colour: "online" },
  earlier: { Icon: IconClockExclamation, colour: "stale" },
  unknown: { Icon: IconHelpCircle, colour: "denied" },
} as const;

function Holds({ holds }: Pick<PolicyNode, "holds">) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const { Icon, colour } = MARKS[holds];
  return (
    <span className="state" style={{ color: `var(--edge-${colour})` }}>
      <Icon size={16} aria-hidden />
      {t(`policy.holds.${holds}`)}
    </span>
  );
}

function Origin({ policy }: { policy: MeshPolicy }) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const maker = makerOf(policy.by);
  const issuer = policy.issuer_name || policy.issuer?.slice(0, 8);
  if (!policy.decided_at) return <>{t("policy.nobody")}</>;
  return (
    <>
      <Ago at={policy.decided_at} />
      {maker && ` ${t(maker.isLocal ? "policy.byLocal" : "policy.by", { name: maker.name })}`}
      {issuer && ` · ${t("policy.issuer", { name: issuer })}`}
    </>
  );
}

function What({ policy, nodes }: PolicySnapshot) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const having = nodes.filter((node) => node.holds === "this").length;
  const rows: [string, ReactNode][] = [
    [t("policy.revision"), policy.revision || t("policy.default")],
    [t("policy.decided"), <Origin key="origin" policy={policy} />],
    [t("policy.reach"), t("policy.having", { having, count: nodes.length })],
  ];
  if (policy.elsewhere > 0) rows.push(["", t("policy.elsewhere", { count: policy.elsewhere })]);
  return (
    <div className="policy-what">
      <div>
        <Title order={3} fz={14}>
          {t("policy.staleDays")}
        </Title>
        <Text className="policy-value">{t("policy.days", { count: policy.stale_days })}</Text>
        <Text size="sm" c="dimmed">
          {t("policy.staleDaysMean")}
        </Text>
      </div>
      <Facts rows={rows} />
    </div>
  );
}

function Nodes({ nodes }: { nodes: readonly PolicyNode[] }) {
  const { t } = useTranslation([SETTINGS_WORDS, "translation"]);
  const [shown, setShown] = useState(ROWS);
  const left = nodes.length - shown;
  const heads = (["node", "state", "has", "confirmed"] as const).map((head) => t(`policy.columns.${head}`));
  return (
    <>
      <Table.ScrollContainer minWidth={520} type="native" tabIndex={0} role="group" aria-label={t("policy.nodes")}>
        <Table className="nodes" verticalSpacing={7} horizontalSpacing="sm" aria-label={t("policy.nodes")}>
          <TableHeads heads={heads} />
          <Table.Tbody>
            {lateFirst(nodes)
              .slice(0, shown)
              .map((node) => (
                <Table.Tr key={node.id} style={{ cursor: "default" }}>
                  <Table.Td>
                    <NodeLink id={node.id} name={node.name} />
                  </Table.Td>
                  <Table.Td>
                    <StateMark state={node.state} />
                  </Table.Td>
                  <Table.Td>
                    <Holds holds={node.holds} />
                  </Table.Td>
                  <Table.Td>{node.fresh_until ? <When at={node.fresh_until} /> : "–"}</Table.Td>
                </Table.Tr>
              ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {left > 0 && (
        <Button m="xs" size="xs" variant="default" onClick={() => setShown(shown + 20 * ROWS)}>
          {t("policy.showMore", { count: Math.min(left, 20 * ROWS) })}
        </Button>
      )}
    </>
  );
}

/** Why it cannot be changed here, or nothing. */
function useHindrance(policy: MeshPolicy | undefined): string {
  const { t } = useTranslation(SETTINGS_WORDS);
  const session = useSession();
  if (!policy || !session.data) return "";
  if (!policy.may_decide) return t("policy.noIssuer");
  return session.data.user.role === "owner" ? "" : t("policy.ownersOnly");
}

/** What is decided once for all nodes: it is signed, told to every node and kept there. */
export function Policy() {
  const { t } = useTranslation(SETTINGS_WORDS);
  const query = usePolicy();
  const [seen, setSeen] = useState<MeshPolicy | null>(null);
  const hindrance = useHindrance(query.data?.policy);
  return (
    <Stack component="section" gap="sm" aria-label={t("policy.title")}>
      <Group justify="space-between" align="flex-end">
        <div style={{ flex: "1 1 320px" }}>
          <Title order={2} id="policy">
            {t("policy.title")}
          </Title>
          <Text size="sm" c="dimmed" mt={2}>
            {[t("policy.about"), hindrance].filter(Boolean).join(" ")}
          </Text>
        </div>
        <Button variant="default" leftSection={<IconPencil size={16} />} disabled={!query.data || hindrance !== ""} onClick={() => setSeen(query.data?.policy ?? null)}>
          {t("policy.change")}
        </Button>
      </Group>
      {query.isPending && <Skeleton height={180} radius={12} aria-hidden />}
      {query.isError && !query.data && <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />}
      {query.data && (
        <div className="card" style={{ overflow: "hidden" }}>
          <What {...query.data} />
          <Nodes nodes={query.data.nodes} />
        </div>
      )}
      {seen && query.data && <PolicyDialog seen={seen} nodes={query.data.nodes} onClose={() => setSeen(null)} />}
    </Stack>
  );
}

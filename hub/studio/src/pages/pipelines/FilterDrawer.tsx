import { Alert, Drawer, Group, Stack, Table, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Deployment, Spread, Value } from "../../api/types";
import { Facts } from "../../components/Facts";
import { RunMark } from "../../components/State";
import { figuresOf, filterState, milliseconds, nodeName, rate, whyNot } from "./derive";

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Title order={3} fz={13} mb={8}>
        {title}
      </Title>
      {children}
    </section>
  );
}

function Pairs({ pairs, empty }: { pairs: [string, ReactNode][]; empty: string }) {
  if (pairs.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {empty}
      </Text>
    );
  }
  return <Facts rows={pairs} />;
}

function isRecord(value: Value | undefined): value is { [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function plain(value: Value): string {
  if (value === null) return "–";
  if (typeof value === "number") return String(Number(value.toFixed(3)));
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A name of a program, for people. */
function words(name: string): string {
  return name.replaceAll("_", " ");
}

function percent(value: Value | undefined): string {
  return typeof value === "number" ? `${(value * 100).toFixed(1)} %` : "–";
}

/** Precision and recall stand out; whatever else a filter reports follows as it is. */
function Report({ report }: { report: Record<string, Value> }) {
  const { t } = useTranslation();
  const judged = "precision" in report || "recall" in report;
  const labels = isRecord(report["labels"]) ? Object.entries(report["labels"]) : [];
  const scored = judged && labels.every(([, figures]) => isRecord(figures)) ? labels : [];
  const hidden = new Set(judged ? ["precision", "recall", ...(scored.length > 0 ? ["labels"] : [])] : []);
  const rest = Object.entries(report).filter(([name]) => !hidden.has(name));
  const flat = rest.flatMap(([name, value]): [string, string][] =>
    isRecord(value) ? Object.entries(value).map(([inner, item]) => [words(`${name}: ${inner}`), plain(item)]) : [[words(name), plain(value)]],
  );
  return (
    <Stack gap="md">
      {judged && (
        <Group grow>
          {(["precision", "recall"] as const).map((name) => (
            <div key={name} className="card" style={{ padding: "12px 16px" }}>
              <Text size="xs" c="dimmed">
                {t(`filter.${name}`)}
              </Text>
              <div className="count-number" style={{ fontSize: 24, marginTop: 2 }}>
                {percent(report[name])}
              </div>
            </div>
          ))}
        </Group>
      )}
      {scored.length > 0 && (
        <div className="card" style={{ overflow: "hidden" }}>
          <Table className="nodes" aria-label={t("filter.report")} verticalSpacing={5}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("filter.label")}</Table.Th>
                <Table.Th ta="right">{t("filter.precision")}</Table.Th>
                <Table.Th ta="right">{t("filter.recall")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {scored.map(([label, figures]) => (
                <Table.Tr key={label} style={{ cursor: "default" }}>
                  <Table.Td>{label}</Table.Td>
                  <Table.Td ta="right">{percent(isRecord(figures) ? figures["precision"] : undefined)}</Table.Td>
                  <Table.Td ta="right">{percent(isRecord(figures) ? figures["recall"] : undefined)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      <Pairs pairs={flat} empty="" />
    </Stack>
  );
}

interface DrawerProps {
  deployment: Deployment;
  filter: string;
  onClose: () => void;
}

/** One filter of a deployment: what it is, where it runs, how it does. */
export function FilterDrawer({ deployment, filter, onClose }: DrawerProps) {
  const { t } = useTranslation();
  const spec = deployment.pipeline.filters[filter];
  const figures = figuresOf(deployment, filter);
  const state = filterState(deployment, filter);
  const why = whyNot(deployment, filter);
  const spread = (value: Partial<Spread> | null | undefined) =>
    value?.p50 === undefined ? "–" : t("deployment.spread", { p50: milliseconds(value.p50), p99: milliseconds(value.p99) });
  const facts: [string, ReactNode][] = [
    [t("filter.type"), spec?.type ?? "–"],
    [t("filter.node"), nodeName(deployment, deployment.nodes[filter]) || "–"],
    [t("filter.needs"), spec?.needs ? <code key="needs">{spec.needs}</code> : t("filter.noNeeds")],
    [t("filter.frames"), `${figures.frames_in ?? 0} / ${figures.frames_out ?? 0}`],
    [t("deployment.columns.fps"), rate(figures.fps)],
    [t("filter.run"), spread(figures.run_ms)],
  ];
  if (figures.age_ms?.p50) facts.push([t("filter.age"), spread(figures.age_ms)]);
  const report = figures.report ?? {};
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size={480}
      title={filter}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <Stack gap="xl">
        <RunMark state={state} />
        {why && (
          <Alert variant="outline" color={state === "failed" ? "red" : "yellow"} icon={<IconAlertTriangle />} title={t(state === "failed" ? "filter.failed" : "filter.why")}
            styles={{ icon: { color: state === "failed" ? "var(--edge-offline)" : "var(--edge-stale)" }, title: { color: "var(--mantine-color-text)" } }}
          >
            {why}
          </Alert>
        )}
        <Section title={t("filter.about")}>
          <Pairs pairs={facts} empty="" />
        </Section>
        <Section title={t("filter.report")}>
          {Object.keys(report).length > 0 ? <Report report={report} /> : <Pairs pairs={[]} empty={t("filter.noReport")} />}
        </Section>
        <Section title={t("filter.params")}>
          <Pairs pairs={Object.entries(spec?.params ?? {}).map(([name, value]) => [name, plain(value)])} empty={t("filter.noParams")} />
        </Section>
        <Section title={t("filter.counters")}>
          <Pairs pairs={Object.entries(figures.counters ?? {}).map(([name, value]) => [words(name), String(value)])} empty={t("filter.noCounters")} />
        </Section>
      </Stack>
    </Drawer>
  );
}

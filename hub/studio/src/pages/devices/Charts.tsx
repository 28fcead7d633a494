import { Button, Group, Skeleton, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "../../api/client";
import { ErrorNotice } from "../../components/Notices";
import { PartTable } from "../../components/PartTable";
import { Section } from "../../components/Section";
import { Chart } from "./Chart";
import { chartsOf, lastOf, type Past } from "./chartData";
import { NODE_WORDS } from "./texts";

/** The series of the charts: cpu, gpu, memory, network, temperature. */
const CHARTED = "cantor_[cgmnt]*";
const OWN = "cantor_";
const STEPS = { minutes: { step: 1, everyMs: 5_000 }, day: { step: 60, everyMs: 60_000 } } as const;
const SPANS = ["minutes", "day"] as const;
const COUNTED_MS = 5_000;
const COUNTED_MAX = 50;

interface Metric {
  name: string;
  kind: string;
  labels: Record<string, string>;
  value: number | null;
}

function usePast(id: string, span: keyof typeof STEPS) {
  const { step, everyMs } = STEPS[span];
  const words = new URLSearchParams({ name: CHARTED, step: String(step) });
  return useQuery({
    queryKey: ["node-past", id, span],
    queryFn: ({ signal }) => get<Past>(`/nodes/${encodeURIComponent(id)}/metrics/past?${words.toString()}`, signal),
    refetchInterval: everyMs,
    retry: false,
    placeholderData: keepPreviousData,
  });
}

function useCounted(id: string) {
  return useQuery({
    queryKey: ["node-metrics", id],
    queryFn: ({ signal }) => get<{ items: Metric[] }>(`/nodes/${encodeURIComponent(id)}/metrics`, signal),
    refetchInterval: COUNTED_MS,
    retry: false,
    select: ({ items }) => items.filter((item) => !item.name.startsWith(OWN) && !item.name.endsWith("_bucket")).slice(0, COUNTED_MAX),
  });
}

/** What the code on a node counts; nothing if none does. */
function Counted({ id }: { id: string }) {
  const { t, i18n } = useTranslation(NODE_WORDS);
  const found = useCounted(id).data ?? [];
  if (found.length === 0) return null;
  const write = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 3 });
  const rows = found.map((item) => [
    <code key="name">{item.name}</code>,
    Object.entries(item.labels).map(([name, value]) => `${name}=${value}`).join(", "),
    item.value === null ? "–" : write.format(item.value),
  ]);
  return <PartTable title={t("charts.counted")} heads={[t("charts.name"), t("charts.labels"), t("charts.value")]} rows={rows} empty="" />;
}

/** How busy a node is and was. */
export function Charts({ id }: { id: string }) {
  const { t } = useTranslation(NODE_WORDS);
  const [span, setSpan] = useState<keyof typeof STEPS>("minutes");
  const past = usePast(id, span);
  const charts = useMemo(() => (past.data ? chartsOf(past.data, t("charts.received"), t("charts.sent")) : []), [past.data, t]);
  return (
    <>
      <Section title={t("charts.title")}>
        <Group gap={6} mb={8} role="group" aria-label={t("charts.span")}>
          {SPANS.map((one) => (
            <Button key={one} size="compact-xs" variant={one === span ? "light" : "default"} aria-pressed={one === span} onClick={() => setSpan(one)}>
              {t(`charts.spans.${one}`)}
            </Button>
          ))}
        </Group>
        {past.isError && <ErrorNotice error={past.error} onRetry={() => void past.refetch()} />}
        {past.isPending && <Skeleton height={120} radius={12} />}
        {past.isSuccess && charts.length === 0 && (
          <Text size="sm" c="dimmed">
            {t("charts.nothing")}
          </Text>
        )}
        <div className="charts">
          {charts.map((chart) => (
            <div key={chart.key} className="card chart">
              <Group justify="space-between" gap={6} wrap="nowrap">
                <Text size="xs" fw={600}>
                  {t(`charts.of.${chart.key}`)}
                </Text>
                <Text size="xs" c="dimmed" truncate>
                  {lastOf(chart)}
                </Text>
              </Group>
              <Chart data={chart} label={`${t(`charts.of.${chart.key}`)}: ${lastOf(chart)}`} />
            </div>
          ))}
        </div>
      </Section>
      <Counted id={id} />
    </>
  );
}

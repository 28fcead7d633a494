import { Button, Group, Select, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "../../api/client";
import { ErrorNotice } from "../../components/Notices";
import { Section } from "../../components/Section";
import { NODE_WORDS } from "./texts";

const EVERY_MS = 2_000;
const LINES = 200;
const LINES_MAX = 1_000;
const LEVELS = ["debug", "info", "warning", "error"] as const;

interface LogLine {
  at: string;
  level: string;
  source: string;
  text: string;
}

/** The last lines that hold the text, of that level or above it; asked again while they are shown. */
function useLogs(id: string, grep: string, level: string, lines: number) {
  const words = new URLSearchParams({ level, lines: String(lines), ...(grep && { grep }) });
  return useQuery({
    queryKey: ["node-logs", id, grep, level, lines],
    queryFn: ({ signal }) => get<{ items: LogLine[]; before: string }>(`/nodes/${encodeURIComponent(id)}/logs?${words.toString()}`, signal),
    refetchInterval: EVERY_MS,
    retry: false,
    placeholderData: keepPreviousData,
  });
}

/** What a node says and its services print. */
export function Logs({ id }: { id: string }) {
  const { t } = useTranslation(NODE_WORDS);
  const [typed, setTyped] = useState("");
  const [grep] = useDebouncedValue(typed.trim(), 300);
  const [level, setLevel] = useState<string>("info");
  const [lines, setLines] = useState(LINES);
  const logs = useLogs(id, grep, level, lines);
  const items = logs.data?.items ?? [];
  const levels = LEVELS.map((value) => ({ value, label: t(`logs.levels.${value}`) }));
  return (
    <Section title={t("logs.title")}>
      <Group gap="xs" mb={8} wrap="nowrap">
        <TextInput size="xs" flex={1} maxLength={200} aria-label={t("logs.find")} placeholder={t("logs.find")} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
        <Select size="xs" w={150} aria-label={t("logs.level")} data={levels} value={level} allowDeselect={false} onChange={(value) => setLevel(value ?? "info")} />
      </Group>
      {logs.isError && <ErrorNotice error={logs.error} onRetry={() => void logs.refetch()} />}
      {items.length > 0 && (
        <pre className="card printed" tabIndex={0} role="group" aria-label={t("logs.title")}>
          {items.map((line, at) => (
            <span key={at} data-level={line.level}>
              <time dateTime={line.at}>{line.at.slice(11, 23)}</time> {line.source === "agent" ? "" : `${line.source} `}
              {line.text}
              {"\n"}
            </span>
          ))}
        </pre>
      )}
      {logs.isSuccess && items.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("logs.nothing")}
        </Text>
      )}
      {logs.data?.before && lines < LINES_MAX && (
        <Button mt={6} size="compact-xs" variant="default" onClick={() => setLines(LINES_MAX)}>
          {t("logs.more", { count: LINES_MAX })}
        </Button>
      )}
    </Section>
  );
}

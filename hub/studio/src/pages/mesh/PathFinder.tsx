/** The cheapest way between two nodes, step by step; the graph shows it too. */
import { Button, Select, Stack, Text, Title } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/client";
import { ErrorNotice } from "../../components/Notices";
import { useMeshPath } from "./data";
import { costText } from "./format";
import { MESH_WORDS } from "./texts";
import type { MeshNode, MeshPath } from "./types";

interface PathFinderProps {
  nodes: readonly MeshNode[];
  from: string | null;
  to: string | null;
  path: ReturnType<typeof useMeshPath>;
  onChange: (changes: { from?: string | null; to?: string | null }) => void;
}

function Steps({ path, nodes }: { path: MeshPath; nodes: readonly MeshNode[] }) {
  const { t } = useTranslation(MESH_WORDS);
  const names = new Map(nodes.map((node) => [node.id, node.name]));
  const name = (id: string | null) => (id === null ? t("path.stranger") : (names.get(id) ?? id.slice(0, 8)));
  if (path.hops.length === 1) return <Text size="sm">{t("path.here", { name: name(path.hops[0]?.node ?? null) })}</Text>;
  return (
    <>
      <Text size="sm" fw={600} role="status">
        {t("path.cost", { cost: costText(path.cost) })} · {t("path.steps", { count: path.hops.length - 1 })}
      </Text>
      <ol className="plain mesh-steps">
        {path.hops.map((hop, at) => (
          <li key={at}>
            <span>{name(hop.node)}</span>
            {at > 0 && <span className="mesh-range">+ {costText(hop.cost)}</span>}
          </li>
        ))}
      </ol>
    </>
  );
}

export function PathFinder({ nodes, from, to, path, onChange }: PathFinderProps) {
  const { t } = useTranslation(MESH_WORDS);
  const options = useMemo(() => nodes.map((node) => ({ value: node.id, label: node.name })), [nodes]);
  const isNone = path.error instanceof ApiError && path.error.status === 409;
  const select = (side: "from" | "to", value: string | null) => (
    <Select
      label={t(`path.${side}`)}
      data={options}
      value={options.some((option) => option.value === value) ? value : null}
      onChange={(chosen) => onChange({ [side]: chosen })}
      searchable
      clearable
      limit={50}
      nothingFoundMessage={t("path.nothing")}
      clearButtonProps={{ "aria-label": `${t("path.clear")}: ${t(`path.${side}`)}` }}
    />
  );
  return (
    <section className="card mesh-card" aria-label={t("path.title")}>
      <Stack gap="sm">
        <Title order={2}>{t("path.title")}</Title>
        {select("from", from)}
        {select("to", to)}
        {!from || !to ? (
          <Text size="sm" c="dimmed">
            {t("path.pick")}
          </Text>
        ) : isNone ? (
          <Text size="sm" role="status">
            {t("path.none")}
          </Text>
        ) : path.isError && !path.data ? (
          <ErrorNotice error={path.error} onRetry={() => void path.refetch()} />
        ) : (
          path.data && <Steps path={path.data} nodes={nodes} />
        )}
        {(from || to) && (
          <Button variant="default" size="xs" onClick={() => onChange({ from: null, to: null })}>
            {t("path.clear")}
          </Button>
        )}
      </Stack>
    </section>
  );
}

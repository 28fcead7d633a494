/** What was chosen in the graph or in a table: its figures, and what can be done from here. */
import { Button, CloseButton, Group, Stack, Text, Title } from "@mantine/core";
import { IconArrowBarRight, IconArrowBarToRight, IconServer2 } from "@tabler/icons-react";
import { type ReactNode, useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Facts } from "../../components/Facts";
import { StateMark } from "../../components/State";
import { Ago } from "../../components/Time";
import { type Measured, useNodeLinks } from "./data";
import { bytes, costText, linkName, milliseconds, NOTHING, otherEnd, percent, speed } from "./format";
import { MESH_WORDS } from "./texts";
import type { LinkFigures, Mesh, MeshLink, MeshNode } from "./types";

interface PanelProps {
  mesh: Mesh;
  onChoose: (id: string | null) => void;
  onPath: (changes: { from?: string; to?: string }) => void;
}

function Head({ kind, title, onClose }: { kind: string; title: string; onClose: () => void }) {
  const { t } = useTranslation(MESH_WORDS);
  return (
    <Group justify="space-between" wrap="nowrap" align="flex-start">
      <div>
        <Text size="xs" c="dimmed">
          {kind}
        </Text>
        <Title order={2} fz={16} style={{ overflowWrap: "anywhere" }}>
          {title}
        </Title>
      </div>
      <CloseButton aria-label={t("panel.close")} onClick={onClose} />
    </Group>
  );
}

/** The last two measurements of a node's links: traffic is the difference between them. */
function usePair(measured: Measured | undefined): { now: Measured | null; before: Measured | null } {
  const [pair, setPair] = useState<{ now: Measured | null; before: Measured | null }>({ now: null, before: null });
  useEffect(() => {
    if (measured) setPair(({ now }) => ({ now: measured, before: now === measured ? null : now }));
  }, [measured]);
  return pair;
}

function useLinkFigures(node: string | null, enabled: boolean) {
  const query = useNodeLinks(node, enabled);
  const { now, before } = usePair(query.data);
  return {
    isSilent: enabled && query.isError && !query.data,
    of(peer: string): { figures: LinkFigures | null; traffic: number | null } {
      const find = (measured: Measured | null) => measured?.figures.find((one) => one.peer === peer) ?? null;
      const [last, first] = [find(now), find(before)];
      const earlier = first && before ? { carried: first.carried_bytes, at: before.at } : null;
      return { figures: last, traffic: last && now ? speed(earlier, { carried: last.carried_bytes, at: now.at }) : null };
    },
  };
}

/** What a side is called. */
export function useSideName(): (part: number | null) => string {
  const { t } = useTranslation(MESH_WORDS);
  return useCallback((part) => (part === null ? t("panel.noSide") : part === 0 ? t("split.own") : t("split.side", { number: part + 1 })), [t]);
}

export function NodePanel({ mesh, node, onChoose, onPath }: PanelProps & { node: MeshNode }) {
  const { t } = useTranslation(MESH_WORDS);
  const sideName = useSideName();
  const live = useLinkFigures(node.id, node.state === "online");
  const names = new Map(mesh.nodes.map((one) => [one.id, one.name]));
  const links = mesh.links.filter((link) => link.ends.includes(node.id));
  const isSplit = mesh.nodes.some((one) => (one.part ?? 0) > 0);
  const rows: [string, ReactNode][] = [[t("panel.id"), <code key="id">{node.id.slice(0, 8)}</code>]];
  if (isSplit) rows.push([t("panel.side"), sideName(node.part)]);
  rows.push([t("panel.links"), node.degree]);
  return (
    <section className="card mesh-card" aria-label={t("panel.node")}>
      <Stack gap="sm">
        <Head kind={t("panel.node")} title={node.name} onClose={() => onChoose(null)} />
        <StateMark state={node.state} />
        <Facts rows={rows} />
        {links.length === 0 ? (
          <Text size="sm" c="dimmed">
            {t("panel.noLinks")}
          </Text>
        ) : (
          <ul className="plain mesh-peers" aria-label={t("panel.links")}>
            {links.map((link) => {
              const peer = otherEnd(link, node.id);
              const { traffic } = live.of(peer);
              return (
                <li key={link.id}>
                  <button type="button" className="mesh-plain" onClick={() => onChoose(link.id)}>
                    {names.get(peer) ?? peer.slice(0, 8)}
                  </button>
                  <span className="mesh-range">
                    {[costText(link.cost), milliseconds(link.rtt_ms), traffic === null ? "" : `${bytes(traffic)}/s`].filter((text) => text && text !== NOTHING).join(" · ")}
                    {link.in_tree ? ` · ${t("table.tree")}` : ""}
                  </span>
                </li>
              );
            })}
          </ul>
        )}
        {live.isSilent && (
          <Text size="xs" c="dimmed">
            {t("panel.silent")}
          </Text>
        )}
        <Group gap="xs">
          <Button size="xs" variant="default" leftSection={<IconArrowBarRight size={15} />} onClick={() => onPath({ from: node.id })}>
            {t("panel.from")}
          </Button>
          <Button size="xs" variant="default" leftSection={<IconArrowBarToRight size={15} />} onClick={() => onPath({ to: node.id })}>
            {t("panel.to")}
          </Button>
          <Button size="xs" variant="default" component={Link} to={`/devices?node=${encodeURIComponent(node.id)}`} leftSection={<IconServer2 size={15} />}>
            {t("panel.device")}
          </Button>
        </Group>
      </Stack>
    </section>
  );
}

export function LinkPanel({ mesh, link, onChoose }: PanelProps & { link: MeshLink }) {
  const { t } = useTranslation(MESH_WORDS);
  const byId = new Map(mesh.nodes.map((node) => [node.id, node]));
  const name = (id: string) => byId.get(id)?.name ?? id.slice(0, 8);
  const [low, high] = link.ends;
  // One end is asked, the hub rather than another: what it carries is what both carry.
  const asked = byId.get(high)?.is_hub ? high : low;
  const live = useLinkFigures(asked, link.state === "up");
  const { figures, traffic } = live.of(otherEnd(link, asked));
  const slow = bytes(125_000);
  const rate = link.rate_at_least === null ? NOTHING : link.rate_at_least > 0 ? t("atLeast", { rate: `${bytes(link.rate_at_least)}/s` }) : t("below", { rate: `${slow}/s` });
  const end = (id: string) => (
    <button key={id} type="button" className="mesh-plain" onClick={() => onChoose(id)}>
      {name(id)}
    </button>
  );
  const rows: [string, ReactNode][] = [
    [t("panel.ends"), <Group key="ends" gap={8}>{end(low)} – {end(high)}</Group>],
    [t("panel.state"), t(link.state === "up" ? "up" : "lastKnown")],
    [t("panel.inTree"), t(link.in_tree ? "panel.yes" : "panel.no")],
    [t("panel.cost"), costText(link.cost)],
    [t("panel.rtt"), milliseconds(link.rtt_ms)],
    [t("panel.loss"), percent(link.loss)],
    [t("panel.rate"), rate],
    [t("panel.traffic"), traffic === null ? NOTHING : `${bytes(traffic)}/s`],
    [t("panel.queued"), bytes(figures?.queued_bytes ?? null)],
    [t("panel.since"), figures?.since_s ? <Ago key="since" at={new Date(1000 * figures.since_s).toISOString()} /> : NOTHING],
  ];
  return (
    <section className="card mesh-card" aria-label={t("panel.link")}>
      <Stack gap="sm">
        <Head kind={t("panel.link")} title={linkName(link, new Map(mesh.nodes.map((node) => [node.id, node.name])))} onClose={() => onChoose(null)} />
        <Facts rows={rows} />
        {live.isSilent && (
          <Text size="xs" c="dimmed">
            {t("panel.silent")}
          </Text>
        )}
      </Stack>
    </section>
  );
}

/** The graph as two tables: for everybody who cannot or does not want to use the canvas. */
import { Button, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Row, RowTable } from "../../components/RowTable";
import { StateMark } from "../../components/State";
import { costText, linkName, milliseconds, percent } from "./format";
import { useSideName } from "./Panel";
import { MESH_WORDS } from "./texts";
import type { Mesh, MeshLink, MeshNode } from "./types";

const ROWS = 25;

function Rows({ label, heads, rows, chosen }: { label: string; heads: string[]; rows: Row[]; chosen: string | null }) {
  const { t } = useTranslation(MESH_WORDS);
  const [shown, setShown] = useState(ROWS);
  const left = rows.length - shown;
  return (
    <section className="card mesh-list" aria-label={label}>
      <Title order={2} px="md" pt="md" pb="xs">
        {label}
      </Title>
      <RowTable title={label} heads={heads} rows={rows.slice(0, shown)} chosen={chosen} className="mesh-scroll" />
      {left > 0 && (
        <Button m="xs" size="xs" variant="default" onClick={() => setShown(shown + 8 * ROWS)}>
          {t("table.more", { count: Math.min(left, 8 * ROWS) })}
        </Button>
      )}
    </section>
  );
}

interface ListsProps {
  mesh: Mesh;
  found: ReadonlySet<string> | null;
  chosen: string | null;
  onChoose: (id: string) => void;
}

/** Offline and odd ones first, so that what needs a look is on the first page; then by name. */
function nodeOrder(a: MeshNode, b: MeshNode): number {
  return Number(a.state === "online") - Number(b.state === "online") || a.name.localeCompare(b.name);
}

function linkOrder(a: MeshLink, b: MeshLink): number {
  return Number(b.in_tree) - Number(a.in_tree) || b.cost - a.cost || a.id.localeCompare(b.id);
}

export function Lists({ mesh, found, chosen, onChoose }: ListsProps) {
  const { t } = useTranslation(MESH_WORDS);
  const sideName = useSideName();
  const names = new Map(mesh.nodes.map((node) => [node.id, node.name]));
  const isSplit = mesh.nodes.some((node) => (node.part ?? 0) > 0);
  const choose = (id: string, text: string) => (
    <button type="button" className="mesh-plain" onClick={() => onChoose(id)}>
      {text}
    </button>
  );
  const nodes = mesh.nodes
    .filter((node) => found?.has(node.id) ?? true)
    .sort(nodeOrder)
    .map((node) => ({
      id: node.id,
      cells: [
        choose(node.id, node.name + (node.is_hub ? ` (${t("hub")})` : "")),
        <StateMark key="state" state={node.state} />,
        ...(isSplit ? [sideName(node.part)] : []),
        node.degree,
      ],
    }));
  const links = mesh.links
    .filter((link) => found === null || link.ends.some((end) => found.has(end)))
    .sort(linkOrder)
    .map((link) => ({
      id: link.id,
      cells: [
        choose(link.id, linkName(link, names)),
        costText(link.cost),
        milliseconds(link.rtt_ms),
        percent(link.loss),
        t(link.in_tree ? "panel.yes" : "panel.no"),
        t(link.state === "up" ? "up" : "lastKnown"),
      ],
    }));
  const nodeHeads = [t("table.name"), t("table.state"), ...(isSplit ? [t("table.side")] : []), t("table.degree")];
  const linkHeads = [t("table.link"), t("panel.cost"), t("panel.rtt"), t("panel.loss"), t("table.tree"), t("table.state")];
  return (
    <div className="mesh-lists">
      <Rows label={t("table.nodes")} heads={nodeHeads} rows={nodes} chosen={chosen} />
      <Rows label={t("table.links")} heads={linkHeads} rows={links} chosen={chosen} />
    </div>
  );
}

import { Table, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Deployment } from "../../api/types";
import { RunMark } from "../../components/State";
import { edgeFiguresOf, edgeName, figuresOf, filterNames, filterState, isStrong, lostOf, milliseconds, nodeName, rate, whyNot } from "./derive";
import type { Layer } from "./layers";

interface GridProps {
  title: string;
  heads: string[];
  rows: { key: string; cells: ReactNode[]; onClick?: () => void }[];
  right: ReadonlySet<number>;
}

function Grid({ title, heads, rows, right }: GridProps) {
  return (
    <section aria-label={title}>
      <Title order={2} mb="xs">
        {title}
      </Title>
      <div className="card" style={{ overflow: "hidden" }}>
        {/* Whatever scrolls must be reachable by keyboard, also where nothing in it is. */}
        <Table.ScrollContainer minWidth={640} type="native" tabIndex={0} role="group" aria-label={title}>
          <Table className="nodes" aria-label={title} verticalSpacing={7} highlightOnHover={rows.some((row) => row.onClick)} highlightOnHoverColor="var(--edge-hover)">
            <Table.Thead>
              <Table.Tr>
                {heads.map((head, column) => (
                  <Table.Th key={head} ta={right.has(column) ? "right" : undefined}>
                    {head}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr key={row.key} onClick={row.onClick} style={{ cursor: row.onClick ? "pointer" : "default" }}>
                  {row.cells.map((cell, column) => (
                    <Table.Td key={heads[column]} ta={right.has(column) ? "right" : undefined} style={{ whiteSpace: right.has(column) ? "nowrap" : undefined }}>
                      {cell}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </div>
    </section>
  );
}

interface ListProps {
  deployment: Deployment;
  layer: Layer;
  onOpen: (filter: string) => void;
}

/** The graph's filters as a list: everything that the canvas shows, without the canvas. */
export function FilterList({ deployment, layer, onOpen }: ListProps) {
  const { t } = useTranslation();
  const design = layer === "design";
  const columns = design
    ? (["state", "filter", "type", "needs", "params", "node"] as const)
    : (["state", "filter", "type", "node", "fps", "run", "age", "frames"] as const);
  const rows = filterNames(deployment).map((name) => {
    const spec = deployment.pipeline.filters[name];
    const figures = figuresOf(deployment, name);
    const why = whyNot(deployment, name);
    const params = Object.entries(spec?.params ?? {}).map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
    const cells: Record<string, ReactNode> = {
      state: <RunMark state={filterState(deployment, name)} />,
      filter: (
        <button type="button" className="node-name">
          {name}
        </button>
      ),
      type: spec?.type,
      needs: spec?.needs || "–",
      params: params.join(", ") || "–",
      node: (deployment.nodes[name] && <span className="one-line" title={nodeName(deployment, deployment.nodes[name])}>{nodeName(deployment, deployment.nodes[name])}</span>) || (why ? <span style={{ color: "var(--edge-stale)" }} title={why}>{t("pipelines.unplaced")}</span> : "–"),
      fps: rate(figures.fps),
      run: milliseconds(figures.run_ms?.p50),
      age: milliseconds(figures.age_ms?.p50 || null),
      frames: (figures.frames_in || figures.frames_out) ?? "–",
    };
    return { key: name, cells: columns.map((column) => cells[column]), onClick: () => onOpen(name) };
  });
  const heads = columns.map((column) => t(`deployment.columns.${column}`));
  return <Grid title={t("deployment.filters")} heads={heads} rows={rows} right={new Set(design ? [] : [4, 5, 6, 7])} />;
}

export function ConnectionList({ deployment, layer }: Omit<ListProps, "onOpen">) {
  const { t } = useTranslation();
  const design = layer === "design";
  const columns = design
    ? (["connection", "kind", "policy", "depth"] as const)
    : (["connection", "kind", "policy", "fps", "queue", "waiting", "lost"] as const);
  const rows = (deployment.pipeline.connections ?? []).map((connection) => {
    const figures = edgeFiguresOf(deployment, connection);
    const kind = connection.kind ?? "strong";
    const strong = isStrong(connection);
    const cells: Record<string, ReactNode> = {
      connection: `${connection.from} → ${connection.to}`,
      kind: t(`deployment.kind.${kind}`, { defaultValue: kind }),
      policy: strong ? "–" : (figures.policy ?? connection.policy ?? "–"),
      depth: strong ? "–" : (figures.depth ?? connection.depth ?? "–"),
      fps: rate(strong ? figures.fps || null : figures.fps),
      queue: strong ? "–" : milliseconds(figures.queue_ms?.p50),
      waiting: strong || figures.waiting === undefined ? "–" : `${figures.waiting} / ${figures.depth ?? "–"}`,
      lost: strong ? "–" : lostOf(figures),
    };
    return { key: edgeName(connection), cells: columns.map((column) => cells[column]) };
  });
  const heads = columns.map((column) => t(`deployment.columns.${column}`));
  return <Grid title={t("deployment.connections")} heads={heads} rows={rows} right={new Set(design ? [3] : [3, 4, 5, 6])} />;
}

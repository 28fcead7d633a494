import { Table, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { amount } from "../../components/Chips";
import { TableHeads } from "../../components/TableHeads";
import { Bar } from "./Bar";
import { units } from "./format";
import { RESOURCE_WORDS } from "./texts";
import type { MeshResource } from "./types";

interface TableProps {
  items: MeshResource[];
  onOpen: (id: string) => void;
}

function Frame({ title, heads, children }: { title: string; heads: string[]; children: ReactNode }) {
  return (
    <section className="card" style={{ overflow: "hidden" }} aria-label={title}>
      <Title order={2} px="md" pt="md" pb="xs" fz={15}>
        {title}
      </Title>
      <Table.ScrollContainer minWidth={500} type="native" tabIndex={0} role="group" aria-label={title}>
        <Table className="nodes" aria-label={title} highlightOnHover highlightOnHoverColor="var(--edge-hover)" verticalSpacing={9}>
          <TableHeads heads={heads} />
          <Table.Tbody>{children}</Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}

function Row({ item, onOpen, cells }: { item: MeshResource; onOpen: (id: string) => void; cells: ReactNode[] }) {
  return (
    <Table.Tr onClick={() => onOpen(item.id)}>
      <Table.Td>
        <button type="button" className="node-name" title={item.name}>
          {item.name}
        </button>
      </Table.Td>
      {cells.map((cell, column) => (
        <Table.Td key={column}>{cell}</Table.Td>
      ))}
    </Table.Tr>
  );
}

function useNodesText() {
  const { t } = useTranslation(RESOURCE_WORDS);
  return ({ nodes, away }: MeshResource) => (away ? t("nodesAway", { nodes, away }) : String(nodes));
}

export function Quantities({ items, onOpen }: TableProps) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const nodes = useNodesText();
  const heads = (["name", "use", "free", "waiting", "nodes"] as const).map((head) => t(`columns.${head}`));
  return (
    <Frame title={t("quantities")} heads={heads}>
      {items.map((item) => (
        <Row
          key={item.id}
          item={item}
          onOpen={onOpen}
          cells={[
            <Bar key="bar" total={item.total} taken={item.taken} unit={item.unit} />,
            units(item.free, item.unit),
            item.waiting ? <b key="waiting">{item.waiting}</b> : "–",
            item.shared ? `${nodes(item)} · ${t("shared")}` : nodes(item),
          ]}
        />
      ))}
    </Frame>
  );
}

export function Conditions({ items, onOpen }: TableProps) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const nodes = useNodesText();
  const text = (value: string | boolean | number, unit: string) => (typeof value === "boolean" ? t(value ? "yes" : "no") : amount({ value, unit }));
  const heads = (["name", "values", "nodes"] as const).map((head) => t(`columns.${head}`));
  return (
    <Frame title={t("conditions")} heads={heads}>
      {items.map((item) => (
        <Row
          key={item.id}
          item={item}
          onOpen={onOpen}
          cells={[
            <span key="values" className="chips">
              {item.values.map((value) => (
                <span key={String(value)} className="chip" title={String(value)}>
                  {text(value, item.unit)}
                </span>
              ))}
            </span>,
            nodes(item),
          ]}
        />
      ))}
    </Frame>
  );
}

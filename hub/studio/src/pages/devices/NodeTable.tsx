import { Checkbox, Skeleton, Stack, Table, Text } from "@mantine/core";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import type { Node } from "../../api/types";
import { LabelChips, ResourceChips } from "../../components/Chips";
import { StateMark } from "../../components/State";
import { Ago } from "../../components/Time";

export function TableSkeleton() {
  return (
    <Stack gap={8} className="card" p="md" aria-hidden>
      {[0, 1, 2, 3, 4, 5].map((row) => (
        <Skeleton key={row} height={28} />
      ))}
    </Stack>
  );
}

interface RowProps {
  node: Node;
  chosen: boolean;
  onToggle: (id: string, chosen: boolean) => void;
  onOpen: (id: string) => void;
}

const Row = memo(function Row({ node, chosen, onToggle, onOpen }: RowProps) {
  const { t } = useTranslation();
  return (
    <Table.Tr bg={chosen ? "var(--edge-accent-soft)" : undefined} onClick={() => onOpen(node.id)}>
      <Table.Td w={40} onClick={(event) => event.stopPropagation()}>
        <Checkbox
          size="xs"
          aria-label={t("devices.selectOne", { name: node.name })}
          checked={chosen}
          onChange={(event) => onToggle(node.id, event.currentTarget.checked)}
        />
      </Table.Td>
      <Table.Td>
        <StateMark state={node.state} />
      </Table.Td>
      <Table.Td>
        <button type="button" className="node-name" title={node.name}>
          {node.name}
        </button>
      </Table.Td>
      <Table.Td>
        <LabelChips labels={node.labels} limit={3} />
      </Table.Td>
      <Table.Td>
        <ResourceChips resources={node.resources} limit={4} />
      </Table.Td>
      <Table.Td style={{ whiteSpace: "nowrap" }}>{node.version || "–"}</Table.Td>
      <Table.Td>
        {node.last_seen_at ? <Ago at={node.last_seen_at} /> : <Text span c="dimmed" size="sm">{t("devices.never")}</Text>}
      </Table.Td>
    </Table.Tr>
  );
});

// Chips stand side by side, also beside long names.
const WIDTHS_PX: Partial<Record<string, number>> = { labels: 150, resources: 300 };

interface NodeTableProps {
  rows: Node[];
  chosen: ReadonlySet<string>;
  onChoose: (update: (before: ReadonlySet<string>) => ReadonlySet<string>) => void;
  onOpen: (id: string) => void;
}

export function NodeTable({ rows, chosen, onChoose, onOpen }: NodeTableProps) {
  const { t } = useTranslation();
  const count = rows.filter((row) => chosen.has(row.id)).length;
  const toggle = (id: string, on: boolean) =>
    onChoose((before) => {
      const after = new Set(before);
      if (on) after.add(id);
      else after.delete(id);
      return after;
    });
  const heads = ["state", "name", "labels", "resources", "version", "lastSeen"] as const;
  return (
    <div className="card" style={{ overflow: "hidden" }}>
      <Table.ScrollContainer minWidth={860} type="native">
        <Table className="nodes" highlightOnHover highlightOnHoverColor="var(--edge-hover)" verticalSpacing={9} horizontalSpacing="sm" aria-label={t("devices.table")}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={40}>
                <Checkbox
                  size="xs"
                  aria-label={t("devices.selectAll")}
                  checked={count > 0 && count === rows.length}
                  indeterminate={count > 0 && count < rows.length}
                  onChange={(event) => {
                    const all = event.currentTarget.checked;
                    onChoose(() => new Set(all ? rows.map((row) => row.id) : []));
                  }}
                />
              </Table.Th>
              {heads.map((head) => (
                <Table.Th key={head} miw={WIDTHS_PX[head]}>
                  {t(`devices.columns.${head}`)}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((node) => (
              <Row key={node.id} node={node} chosen={chosen.has(node.id)} onToggle={toggle} onOpen={onOpen} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </div>
  );
}

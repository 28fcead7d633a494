import { Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Section } from "./Section";
import { TableHeads } from "./TableHeads";

interface PartTableProps {
  title: string;
  heads: string[];
  rows: ReactNode[][];
  /** Stands where there are no rows. */
  empty: string;
}

/** One table of a drawer, which scrolls by itself. */
export function PartTable({ title, heads, rows, empty }: PartTableProps) {
  return (
    <Section title={title}>
      {rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          {empty}
        </Text>
      ) : (
        <div className="card part-scroll" tabIndex={0} role="group" aria-label={title}>
          <Table className="nodes" aria-label={title} verticalSpacing={6}>
            <TableHeads heads={heads} />
            <Table.Tbody>
              {rows.map((cells, at) => (
                <Table.Tr key={at} style={{ cursor: "default" }}>
                  {cells.map((cell, column) => (
                    <Table.Td key={column} style={{ overflowWrap: "anywhere" }}>
                      {cell}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </Section>
  );
}

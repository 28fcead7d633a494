import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import { TableHeads } from "./TableHeads";

export interface Row {
  id: string | number;
  cells: ReactNode[];
}

interface RowTableProps {
  title: string;
  heads: string[];
  rows: Row[];
  /** The row that stands out. */
  chosen?: string | null;
  /** Of what scrolls around it. */
  className?: string;
}

/** A table to read: its rows open nothing, and it scrolls by itself. */
export function RowTable({ title, heads, rows, chosen = null, className = "part-scroll" }: RowTableProps) {
  return (
    <div className={className} tabIndex={0} role="group" aria-label={title}>
      <Table className="nodes" aria-label={title} verticalSpacing={6}>
        <TableHeads heads={heads} />
        <Table.Tbody>
          {rows.map(({ id, cells }) => (
            <Table.Tr key={id} aria-selected={id === chosen || undefined} style={{ cursor: "default" }}>
              {cells.map((cell, column) => (
                <Table.Td key={column}>{cell}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

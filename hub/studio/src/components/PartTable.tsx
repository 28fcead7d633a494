import { Text } from "@mantine/core";
import type { ReactNode } from "react";
import { RowTable } from "./RowTable";
import { Section } from "./Section";

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
        <RowTable title={title} heads={heads} rows={rows.map((cells, id) => ({ id, cells }))} className="card part-scroll" />
      )}
    </Section>
  );
}

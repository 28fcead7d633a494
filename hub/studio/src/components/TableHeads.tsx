import { Table } from "@mantine/core";

/** The first row of a table: what stands in its columns. */
export function TableHeads({ heads }: { heads: readonly string[] }) {
  return (
    <Table.Thead>
      <Table.Tr>
        {heads.map((head) => (
          <Table.Th key={head}>{head}</Table.Th>
        ))}
      </Table.Tr>
    </Table.Thead>
  );
}

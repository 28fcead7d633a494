import { Title } from "@mantine/core";
import type { ReactNode } from "react";

/** One part of a drawer, under its title. */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Title order={3} fz={13} mb={8}>
        {title}
      </Title>
      {children}
    </section>
  );
}

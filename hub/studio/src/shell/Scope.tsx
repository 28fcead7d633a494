import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Session } from "../api/types";

/** Which tenant and project the session shows. */
export function Scope({ session }: { session: Session }) {
  const { t } = useTranslation();
  const { tenant, project } = session;
  return (
    <Text size="sm" mr={8} style={{ whiteSpace: "nowrap" }} role="group" aria-label={t("scope.label", { tenant: tenant.name, project: project.name })}>
      <Text span c="dimmed" size="sm" className="wide">
        {tenant.name} /{" "}
      </Text>
      <Text span fw={600} size="sm">
        {project.name}
      </Text>
    </Text>
  );
}

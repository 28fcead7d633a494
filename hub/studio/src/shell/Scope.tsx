import { Menu, Text, UnstyledButton } from "@mantine/core";
import { IconCheck, IconPlus, IconSelector } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Session } from "../api/types";
import { useSwitch } from "./useSwitch";

const NewProject = lazy(() => import("./NewProject"));

/** Which tenant and project the session shows, and the way to another. */
export function Scope({ session }: { session: Session }) {
  const { t } = useTranslation();
  const enter = useSwitch();
  const [creating, setCreating] = useState(false);
  const { tenant, tenants, project, projects } = session;
  return (
    <>
      <Menu position="bottom-start" width={260} withinPortal={false}>
        <Menu.Target>
          <UnstyledButton className="scope-button" aria-label={t("scope.label", { tenant: tenant.name, project: project.name })}>
            <Text span c="dimmed" size="sm" className="wide">
              {tenant.name} /
            </Text>
            <Text span fw={650} size="sm" truncate maw={160}>
              {project.name}
            </Text>
            <IconSelector size={14} aria-hidden />
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown style={{ maxHeight: "70vh", overflowY: "auto" }}>
          {tenants.length > 1 && (
            <>
              <Menu.Label>{t("scope.tenants")}</Menu.Label>
              {tenants.map(({ id, name }) => (
                <Menu.Item
                  key={id}
                  aria-current={id === tenant.id ? "true" : undefined}
                  rightSection={id === tenant.id ? <IconCheck size={14} aria-hidden /> : null}
                  onClick={() => id !== tenant.id && enter({ tenant: id })}
                >
                  {name}
                </Menu.Item>
              ))}
              <Menu.Divider />
            </>
          )}
          <Menu.Label>{t("scope.tenant", { tenant: tenant.name })}</Menu.Label>
          {projects.map(({ id, name }) => (
            <Menu.Item
              key={id}
              aria-current={id === project.id ? "true" : undefined}
              rightSection={id === project.id ? <IconCheck size={14} aria-hidden /> : null}
              onClick={() => id !== project.id && enter({ project: id })}
            >
              {name}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item leftSection={<IconPlus size={15} />} onClick={() => setCreating(true)}>
            {t("scope.create")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Suspense fallback={null}>{creating && <NewProject onClose={() => setCreating(false)} />}</Suspense>
    </>
  );
}

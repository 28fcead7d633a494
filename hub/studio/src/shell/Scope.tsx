import { Menu, Text, UnstyledButton } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconCheck, IconChevronDown } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { call } from "../api/client";
import type { Named, Session } from "../api/types";
import { useCause } from "../components/Notices";

interface Choice {
  tenant?: string;
  project?: string;
}

function Row({ item, current, choose }: { item: Named; current: boolean; choose: () => void }) {
  return (
    <Menu.Item
      aria-current={current ? "true" : undefined}
      rightSection={current ? <IconCheck size={14} aria-hidden /> : null}
      onClick={current ? undefined : choose}
    >
      {item.name}
    </Menu.Item>
  );
}

/** Which tenant and project the console shows; the session on the hub keeps the choice. */
export function Scope({ session }: { session: Session }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const cause = useCause();
  const change = useMutation({
    mutationFn: (choice: Choice) => call<Session>("PATCH", "/session", { body: choice }),
    onSuccess: () => client.invalidateQueries(),
    onError: (error) => notifications.show({ color: "red", title: t("error.action"), message: cause(error) }),
  });
  const { tenant, project } = session;
  return (
    <Menu position="bottom-start" width={230}>
      <Menu.Target>
        <UnstyledButton
          aria-label={t("scope.label", { tenant: tenant.name, project: project.name })}
          style={{ display: "flex", alignItems: "center", gap: 6, fontSize: 13, padding: "6px 8px", borderRadius: 8, whiteSpace: "nowrap" }}
        >
          <Text span c="dimmed" size="sm" className="wide">
            {tenant.name} /
          </Text>
          <Text span fw={600} size="sm">
            {project.name}
          </Text>
          <IconChevronDown size={14} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("words.tenant")}</Menu.Label>
        {session.tenants.map((item) => (
          <Row key={item.id} item={item} current={item.id === tenant.id} choose={() => change.mutate({ tenant: item.id })} />
        ))}
        <Menu.Divider />
        <Menu.Label>{t("words.project")}</Menu.Label>
        {session.projects.map((item) => (
          <Row key={item.id} item={item} current={item.id === project.id} choose={() => change.mutate({ project: item.id })} />
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

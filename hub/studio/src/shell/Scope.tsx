import { Button, Group, Menu, Modal, Text, TextInput, UnstyledButton } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconCheck, IconPlus, IconSelector } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useCreateProject, useSwitchProject } from "../api/queries";
import type { Named, Session } from "../api/types";
import { ErrorNotice, useCause } from "../components/Notices";

/** What is open belongs to the project before, so the switch ends on the overview. */
function useSwitch() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const cause = useCause();
  const change = useSwitchProject();
  return (project: string, done?: () => void) =>
    change.mutate(
      { project },
      {
        onSuccess: () => {
          void navigate("/");
          done?.();
        },
        onError: (error) => notifications.show({ color: "red", title: t("error.action"), message: cause(error) }),
      },
    );
}

function NewProject({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const create = useCreateProject();
  const enter = useSwitch();
  const [name, setName] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!name.trim()) return;
    const made = (project: Named) =>
      enter(project.id, () => {
        notifications.show({ color: "green", message: t("scope.made", { name: project.name }) });
        onClose();
      });
    create.mutate(name.trim(), { onSuccess: made });
  };
  return (
    <Modal opened onClose={onClose} title={<b>{t("scope.create")}</b>} closeButtonProps={{ "aria-label": t("action.close") }}>
      <form onSubmit={submit}>
        <TextInput
          data-autofocus
          label={t("scope.name")}
          description={t("scope.nameHint")}
          required
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {create.isError && (
          <div style={{ marginTop: 12 }}>
            <ErrorNotice error={create.error} title={t("error.action")} />
          </div>
        )}
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={onClose}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={create.isPending}>
            {t("scope.submit")}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}

/** Which tenant and project the session shows, and the way to another. */
export function Scope({ session }: { session: Session }) {
  const { t } = useTranslation();
  const enter = useSwitch();
  const [creating, setCreating] = useState(false);
  const { tenant, project, projects } = session;
  return (
    <>
      <Menu position="bottom-start" width={260}>
        <Menu.Target>
          <UnstyledButton className="scope-button" aria-label={t("scope.label", { tenant: tenant.name, project: project.name })}>
            <Text span c="dimmed" size="sm" className="wide">
              {tenant.name} /
            </Text>
            <Text span fw={600} size="sm" truncate maw={160}>
              {project.name}
            </Text>
            <IconSelector size={14} aria-hidden />
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown style={{ maxHeight: "70vh", overflowY: "auto" }}>
          <Menu.Label>{t("scope.tenant", { tenant: tenant.name })}</Menu.Label>
          {projects.map(({ id, name }) => (
            <Menu.Item
              key={id}
              aria-current={id === project.id ? "true" : undefined}
              rightSection={id === project.id ? <IconCheck size={14} aria-hidden /> : null}
              onClick={() => id !== project.id && enter(id)}
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
      {creating && <NewProject onClose={() => setCreating(false)} />}
    </>
  );
}

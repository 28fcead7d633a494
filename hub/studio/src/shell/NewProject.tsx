import { Button, Group, Modal, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useCreateProject } from "../api/queries";
import type { Named } from "../api/types";
import { ErrorNotice } from "../components/Notices";
import { tell } from "../components/tell";
import { useSwitch } from "./useSwitch";

/** Makes a project and enters it. */
export default function NewProject({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const create = useCreateProject();
  const enter = useSwitch();
  const [name, setName] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!name.trim()) return;
    const made = (project: Named) =>
      enter({ project: project.id }, () => {
        tell({ color: "green", message: t("scope.made", { name: project.name }) });
        onClose();
      });
    create.mutate(name.trim(), { onSuccess: made });
  };
  return (
    <Modal opened onClose={onClose} title={t("scope.create")} closeButtonProps={{ "aria-label": t("action.close") }}>
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

import { Button, Group, Modal, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { type DeploymentAction, useAct } from "../../api/deployments";
import { failed } from "../../api/queries";
import type { Deployment } from "../../api/types";
import { useCause } from "../../components/Notices";
import { heard } from "../../i18n/heard";
import { tell } from "../../components/tell";

interface AskProps {
  action: DeploymentAction;
  deployments: Pick<Deployment, "id" | "name">[];
  onClose: () => void;
  onDone: (action: DeploymentAction) => void;
}

/** Asks before one or many deployments are stopped or deleted, says what that means, and does it. */
export function AskAction({ action, deployments, onClose, onDone }: AskProps) {
  const { t } = useTranslation();
  const cause = useCause();
  const act = useAct();
  const count = deployments.length;
  const name = deployments[0]?.name ?? "";
  const run = () =>
    act.mutate(
      { action, ids: deployments.map((one) => one.id) },
      {
        onSuccess: ({ results }) => {
          const bad = results.filter(failed);
          const good = results.length - bad.length;
          const told = action === "stop" ? "pipelines.stopped" : "pipelines.deleted";
          if (good > 0) tell({ color: "green", message: t(told, { count: good }) });
          if (bad.length > 0) {
            const title = t("pipelines.partly", { failed: bad.length, total: results.length });
            tell({ color: "red", title, message: heard(bad[0]?.detail ?? ""), autoClose: false });
          }
          onClose();
          if (good > 0) onDone(action);
        },
        onError: (error) => tell({ color: "red", title: t("error.action"), message: cause(error) }),
      },
    );
  return (
    <Modal opened onClose={onClose} title={t(`pipelines.${action}Title`, { count, name })} closeButtonProps={{ "aria-label": t("action.close") }}>
      <Text size="sm">{t(`pipelines.${action}Body`)}</Text>
      {count > 1 && (
        <Text size="sm" c="dimmed" mt="xs" lineClamp={4}>
          {deployments.map((one) => one.name).join(", ")}
        </Text>
      )}
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t("action.cancel")}
        </Button>
        <Button color="red.9" loading={act.isPending} onClick={run}>
          {t(`pipelines.${action}`)}
        </Button>
      </Group>
    </Modal>
  );
}

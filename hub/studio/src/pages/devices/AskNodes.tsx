import { Button, Group, Modal, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { type Batch, failed, useBatch } from "../../api/queries";
import type { Node } from "../../api/types";
import { useCause } from "../../components/Notices";
import { tell } from "../../components/tell";
import { heard } from "../../i18n/heard";
import { addNodeWords, NODE_WORDS } from "./texts";

addNodeWords();

/** What is asked about before it is done. */
export type Admission = "approve" | "allow" | "deny";

/** The nodes that an action is for: who waits is approved, who is denied allowed, all others denied. */
export function fitFor(action: Admission, nodes: Node[]): Node[] {
  if (action === "approve") return nodes.filter((node) => node.state === "pending");
  return nodes.filter((node) => (node.state === "denied") === (action === "allow"));
}

/** Does one thing to many nodes, and tells what came of it. */
export function useApply(onDone: () => void) {
  const { t } = useTranslation(NODE_WORDS);
  const { t: common } = useTranslation();
  const cause = useCause();
  const batch = useBatch();
  const apply = (order: Batch) =>
    batch.mutate(order, {
      onSuccess: ({ results }) => {
        const bad = results.filter(failed);
        const good = results.length - bad.length;
        if (good > 0) tell({ color: "green", message: t(`done_${order.action}`, { count: good }) });
        if (bad.length > 0) {
          const title = t("partly", { failed: bad.length, total: results.length });
          tell({ color: "red", title, message: heard(bad[0]?.detail ?? ""), autoClose: false });
        }
        onDone();
      },
      onError: (error) => tell({ color: "red", title: common("error.action"), message: cause(error) }),
    });
  return { apply, busy: batch.isPending };
}

interface AskProps {
  action: Admission;
  nodes: Node[];
  onClose: () => void;
  onDone: () => void;
}

/** Says what letting nodes in or putting them out means, and does it. */
export function AskNodes({ action, nodes, onClose, onDone }: AskProps) {
  const { t } = useTranslation(NODE_WORDS);
  const { t: common } = useTranslation();
  const { apply, busy } = useApply(onDone);
  return (
    <Modal opened onClose={onClose} title={t(`${action}Title`, { count: nodes.length })} closeButtonProps={{ "aria-label": common("action.close") }}>
      <Text size="sm">{t(`${action}Body`)}</Text>
      <Text size="sm" c="dimmed" mt="xs" lineClamp={4} style={{ overflowWrap: "anywhere" }}>
        {nodes.map((node) => node.name).join(", ")}
      </Text>
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          {common("action.cancel")}
        </Button>
        <Button color={action === "deny" ? "red.9" : undefined} loading={busy} onClick={() => apply({ action, ids: nodes.map((node) => node.id) })}>
          {t(action)}
        </Button>
      </Group>
    </Modal>
  );
}

import { Button, CloseButton, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { IconBan, IconCheck, IconTag } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Batch, failed, useBatch } from "../../api/queries";
import type { Node } from "../../api/types";
import { parseLabels } from "../../components/labels";
import { useCause } from "../../components/Notices";
import { heard } from "../../i18n/heard";
import { tell } from "../../components/tell";

function useApply(onDone: () => void) {
  const { t } = useTranslation();
  const cause = useCause();
  const batch = useBatch();
  const apply = (order: Batch) =>
    batch.mutate(order, {
      onSuccess: ({ results }) => {
        const bad = results.filter(failed);
        const good = results.length - bad.length;
        if (good > 0) tell({ color: "green", message: t(`bulk.done_${order.action}`, { count: good }) });
        if (bad.length > 0) {
          const title = t("bulk.partly", { failed: bad.length, total: results.length });
          tell({ color: "red", title, message: heard(bad[0]?.detail ?? ""), autoClose: false });
        }
        onDone();
      },
      onError: (error) => tell({ color: "red", title: t("error.action"), message: cause(error) }),
    });
  return { apply, busy: batch.isPending };
}

interface AskProps {
  count: number;
  busy: boolean;
  onClose: () => void;
}

function AskDeny({ count, busy, onClose, onDeny }: AskProps & { onDeny: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal opened onClose={onClose} title={t("bulk.denyTitle", { count })} closeButtonProps={{ "aria-label": t("action.close") }}>
      <Text size="sm">{t("bulk.denyBody")}</Text>
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t("action.cancel")}
        </Button>
        <Button color="red.9" loading={busy} onClick={onDeny}>
          {t("bulk.deny")}
        </Button>
      </Group>
    </Modal>
  );
}

function AskLabels({ count, busy, onClose, onLabel }: AskProps & { onLabel: (labels: Record<string, string>) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const parsed = parseLabels(text);
    setWrong(parsed.wrong);
    if (parsed.wrong === null && Object.keys(parsed.labels).length > 0) onLabel(parsed.labels);
  };
  return (
    <Modal opened onClose={onClose} title={t("bulk.labelTitle", { count })} closeButtonProps={{ "aria-label": t("action.close") }}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            data-autofocus
            label={t("labels.field")}
            description={t("labels.hint")}
            placeholder="site=berlin, line=a"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            error={wrong === null ? null : t("labels.wrong", { part: wrong })}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={busy}>
              {t("bulk.apply")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Actions for the selected rows; each row action has its form for many. */
export function BulkBar({ nodes, onDone }: { nodes: Node[]; onDone: () => void }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState<"deny" | "label" | null>(null);
  const close = () => setAsking(null);
  const { apply, busy } = useApply(() => {
    close();
    onDone();
  });
  const ids = nodes.map((node) => node.id);
  const waiting = nodes.filter((node) => node.state === "pending").map((node) => node.id);
  const count = ids.length;
  return (
    <section className="card bulk" aria-label={t("bulk.region")}>
      <Text size="sm" fw={650} role="status" mr={6} style={{ whiteSpace: "nowrap" }}>
        {t("bulk.selected", { count })}
      </Text>
      <Button size="xs" leftSection={<IconCheck size={15} />} disabled={waiting.length === 0} loading={busy && asking === null} onClick={() => apply({ action: "approve", ids: waiting })}>
        {t("bulk.approve")}
      </Button>
      <Button size="xs" variant="default" leftSection={<IconTag size={15} />} onClick={() => setAsking("label")}>
        {t("bulk.label")}
      </Button>
      <Button size="xs" variant="default" leftSection={<IconBan size={15} />} onClick={() => setAsking("deny")}>
        {t("bulk.deny")}
      </Button>
      <CloseButton aria-label={t("action.clear")} onClick={onDone} />
      {asking === "deny" && <AskDeny count={count} busy={busy} onClose={close} onDeny={() => apply({ action: "deny", ids })} />}
      {asking === "label" && (
        <AskLabels count={count} busy={busy} onClose={close} onLabel={(labels) => apply({ action: "label", ids, labels })} />
      )}
    </section>
  );
}

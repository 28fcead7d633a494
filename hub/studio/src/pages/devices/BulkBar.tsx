import { Button, CloseButton, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { IconBan, IconCheck, IconRestore, IconTag } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Node } from "../../api/types";
import { parseLabels } from "../../components/labels";
import { type Admission, AskNodes, fitFor, useApply } from "./AskNodes";
import { NODE_WORDS } from "./texts";

interface AskProps {
  count: number;
  busy: boolean;
  onClose: () => void;
}

function AskLabels({ count, busy, onClose, onLabel }: AskProps & { onLabel: (labels: Record<string, string>) => void }) {
  const { t } = useTranslation(NODE_WORDS);
  const { t: common } = useTranslation();
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const parsed = parseLabels(text);
    setWrong(parsed.wrong);
    if (parsed.wrong === null && Object.keys(parsed.labels).length > 0) onLabel(parsed.labels);
  };
  return (
    <Modal opened onClose={onClose} title={t("labelTitle", { count })} closeButtonProps={{ "aria-label": common("action.close") }}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            data-autofocus
            label={common("labels.field")}
            description={common("labels.hint")}
            placeholder="site=berlin, line=a"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            error={wrong === null ? null : common("labels.wrong", { part: wrong })}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {common("action.cancel")}
            </Button>
            <Button type="submit" loading={busy}>
              {t("apply")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

const ADMISSIONS: { action: Admission; Icon: typeof IconBan }[] = [
  { action: "approve", Icon: IconCheck },
  { action: "allow", Icon: IconRestore },
  { action: "deny", Icon: IconBan },
];

/** Actions for the selected rows; each row action has its form for many. */
export function BulkBar({ nodes, onDone }: { nodes: Node[]; onDone: () => void }) {
  const { t } = useTranslation(NODE_WORDS);
  const { t: common } = useTranslation();
  const [asking, setAsking] = useState<Admission | "label" | null>(null);
  const close = () => setAsking(null);
  const done = () => {
    close();
    onDone();
  };
  const { apply, busy } = useApply(done);
  const count = nodes.length;
  return (
    <section className="card bulk" aria-label={t("region")}>
      <Text size="sm" fw={650} role="status" mr={6} style={{ whiteSpace: "nowrap" }}>
        {t("selected", { count })}
      </Text>
      {ADMISSIONS.map(({ action, Icon }) => (
        <Button key={action} size="xs" variant={action === "approve" ? "filled" : "default"} leftSection={<Icon size={15} />} disabled={fitFor(action, nodes).length === 0} onClick={() => setAsking(action)}>
          {t(action)}
        </Button>
      ))}
      <Button size="xs" variant="default" leftSection={<IconTag size={15} />} onClick={() => setAsking("label")}>
        {t("label")}
      </Button>
      <CloseButton aria-label={common("action.clear")} onClick={onDone} />
      {asking !== null && asking !== "label" && <AskNodes action={asking} nodes={fitFor(asking, nodes)} onClose={close} onDone={done} />}
      {asking === "label" && <AskLabels count={count} busy={busy} onClose={close} onLabel={(labels) => apply({ action: "label", ids: nodes.map((node) => node.id), labels })} />}
    </section>
  );
}

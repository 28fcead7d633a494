import { Button, CopyButton, Group, Modal, NumberInput, Select, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCircleCheckFilled, IconCopy } from "@tabler/icons-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useIssueToken, useNodes, useRevokeToken } from "../../api/queries";
import type { Approval, IssuedToken, TokenRequest } from "../../api/types";
import { parseLabels } from "../../components/labels";
import { ErrorNotice } from "../../components/Notices";
import { relative, useNow } from "../../components/Time";

const HOUR_S = 3600;
const DEFAULTS: TokenRequest = { labels: {}, max_uses: 1, ttl_s: HOUR_S, approval: "automatic" };

function Line({ issued, approval }: { issued: IssuedToken; approval: Approval }) {
  const { t, i18n } = useTranslation();
  const now = useNow(10_000);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  const when = relative(Date.parse(issued.expires_at), now, i18n.language);
  const facts = [
    t("enrol.expires", { when }),
    t("enrol.uses", { count: issued.max_uses }),
    t(approval === "automatic" ? "enrol.approvalAutomatic" : "enrol.approvalManual"),
  ];
  return (
    <Stack gap="sm">
      <code className="command" aria-label={t("enrol.command")} role="textbox" aria-readonly tabIndex={0}>
        {issued.command}
      </code>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Text size="xs" c="dimmed">
          {facts.join(" · ")}
          <br />
          {t("enrol.once")}
        </Text>
        <CopyButton value={issued.command} timeout={3000}>
          {({ copied, copy }) => (
            <Button
              ref={button}
              onClick={copy}
              style={{ flex: "none" }}
              leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            >
              {copied ? t("action.copied") : t("action.copy")}
            </Button>
          )}
        </CopyButton>
      </Group>
    </Stack>
  );
}

function Options({ busy, onRenew }: { busy: boolean; onRenew: (request: TokenRequest) => void }) {
  const { t } = useTranslation();
  const [uses, setUses] = useState<string | number>(1);
  const [hours, setHours] = useState("1");
  const [approval, setApproval] = useState<Approval>("automatic");
  const [labels, setLabels] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const parsed = parseLabels(labels);
    setWrong(parsed.wrong);
    if (parsed.wrong !== null) return;
    onRenew({ labels: parsed.labels, max_uses: Number(uses) || 1, ttl_s: Number(hours) * HOUR_S, approval });
  };
  const spans = [1, 24, 168].map((value) => ({
    value: String(value),
    label: value < 24 ? t("enrol.hours", { count: value }) : t("enrol.days", { count: value / 24 }),
  }));
  const approvals = [
    { value: "automatic", label: t("enrol.automatic") },
    { value: "manual", label: t("enrol.manual") },
  ];
  return (
    <form onSubmit={submit}>
      <Stack gap="sm" pt="xs">
        <Group grow align="flex-start">
          <NumberInput label={t("enrol.usesField")} min={1} max={1000} allowDecimal={false} value={uses} onChange={setUses} />
          <Select label={t("enrol.validField")} data={spans} value={hours} allowDeselect={false} onChange={(value) => setHours(value ?? "1")} />
          <Select
            label={t("enrol.approvalField")}
            data={approvals}
            value={approval}
            allowDeselect={false}
            onChange={(value) => setApproval(value === "manual" ? "manual" : "automatic")}
          />
        </Group>
        <TextInput
          label={t("labels.field")}
          description={t("labels.hint")}
          placeholder="site=berlin"
          value={labels}
          onChange={(event) => setLabels(event.currentTarget.value)}
          error={wrong === null ? null : t("labels.wrong", { part: wrong })}
        />
        <Group justify="flex-end">
          <Button type="submit" variant="default" loading={busy}>
            {t("enrol.renew")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Watches the node list for nodes that were not there when the dialog opened. */
function Joined() {
  const { t } = useTranslation();
  const nodes = useNodes("");
  const items = nodes.data?.pages.flatMap((page) => page.items);
  const [before, setBefore] = useState<ReadonlySet<string> | null>(null);
  if (before === null && items) setBefore(new Set(items.map((node) => node.id)));
  const fresh = before && items ? items.filter((node) => !before.has(node.id)) : [];
  return (
    <Text size="sm" role="status" c={fresh.length > 0 ? "var(--edge-online)" : "dimmed"}>
      {fresh.length === 0 && t("enrol.waiting")}
      {fresh.map((node) => (
        <span key={node.id} className="state" style={{ marginRight: 12 }}>
          <IconCircleCheckFilled size={16} aria-hidden /> {t("enrol.joined", { name: node.name })}
        </span>
      ))}
    </Text>
  );
}

/** One line to copy: opening the dialog makes the token, so that Copy is the second click. */
export function AddDevice({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const issue = useIssueToken();
  const revoke = useRevokeToken();
  const [options, setOptions] = useState(false);
  const asked = useRef(false);
  const { mutate } = issue;
  useEffect(() => {
    if (asked.current) return;
    asked.current = true;
    mutate(DEFAULTS);
  }, [mutate]);
  const issued = issue.data;
  const renew = (request: TokenRequest) => {
    // The line that was shown is replaced, so its token must not stay usable.
    if (issued && !revoke.isSuccess) revoke.mutate(issued.id, { onSettled: () => revoke.reset() });
    issue.mutate(request);
  };
  return (
    <Modal opened onClose={onClose} size={640} title={t("enrol.title")} closeButtonProps={{ "aria-label": t("action.close") }}>
      <Stack gap="md">
        <Text size="sm">{t("enrol.lead")}</Text>
        {issue.isPending && <Skeleton height={108} />}
        {issue.isError && <ErrorNotice error={issue.error} onRetry={() => issue.mutate(issue.variables)} />}
        {revoke.isError && <ErrorNotice error={revoke.error} title={t("error.action")} />}
        {revoke.isSuccess ? (
          <Text size="sm" role="status">
            {t("enrol.revoked")}
          </Text>
        ) : (
          issued && <Line issued={issued} approval={issue.variables?.approval ?? "automatic"} />
        )}
        <Joined />
        <Group justify="space-between">
          <Button variant="subtle" size="xs" px={6} c="var(--edge-accent-text)" aria-expanded={options} onClick={() => setOptions(!options)}>
            {t("enrol.options")}
          </Button>
          {issued && !revoke.isSuccess && (
            <Button variant="subtle" size="xs" px={6} c="var(--mantine-color-error)" loading={revoke.isPending} onClick={() => revoke.mutate(issued.id)}>
              {t("enrol.revoke")}
            </Button>
          )}
        </Group>
        {options && <Options busy={issue.isPending} onRenew={renew} />}
      </Stack>
    </Modal>
  );
}

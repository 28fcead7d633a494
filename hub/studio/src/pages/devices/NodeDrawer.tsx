import { Alert, Button, CopyButton, Group, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { ApiError } from "../../api/client";
import { useDeployments } from "../../api/deployments";
import { useChangeNode, useNode } from "../../api/queries";
import { type Device, isReached, type Node, type Resource } from "../../api/types";
import { amount, hardwareFirst } from "../../components/Chips";
import { DetailDrawer } from "../../components/DetailDrawer";
import { Facts } from "../../components/Facts";
import { formatLabels, parseLabels } from "../../components/labels";
import { ErrorNotice } from "../../components/Notices";
import { PartTable } from "../../components/PartTable";
import { Section } from "../../components/Section";
import { RunMark, StateMark } from "../../components/State";
import { Ago } from "../../components/Time";
import { tell } from "../../components/tell";
import { filtersOn } from "../pipelines/derive";
import { type Admission, AskNodes, fitFor } from "./AskNodes";
import { Charts } from "./Charts";
import { Logs } from "./Logs";
import { NODE_WORDS } from "./texts";

function Resources({ items }: { items: Resource[] }) {
  const { t } = useTranslation();
  const kind = (name: string) => (name === "condition" || name === "quantity" ? t(`node.kind.${name}`) : name);
  const heads = [t("node.columns.name"), t("node.columns.kind"), t("node.columns.value")];
  const rows = hardwareFirst(items).map((item) => [item.name, kind(item.kind), typeof item.value === "boolean" ? t(item.value ? "node.yes" : "node.no") : amount(item)]);
  return <PartTable title={t("node.resources")} heads={heads} rows={rows} empty={t("node.noResources")} />;
}

function Hardware({ items }: { items: Device[] }) {
  const { t } = useTranslation();
  const heads = [t("node.columns.name"), t("node.columns.kind"), t("node.columns.path")];
  const rows = items.map((item) => [item.name, t(`node.hardware.${item.kind}`, { defaultValue: item.kind.replaceAll("-", " ") }), <code key="path">{item.path || "–"}</code>]);
  return <PartTable title={t("node.devices")} heads={heads} rows={rows} empty={t("node.noDevices")} />;
}

/** The deployments that have filters here, each a way to its page. */
function Runs({ id }: { id: string }) {
  const { t } = useTranslation();
  const deployments = useDeployments();
  const found = (deployments.data?.items ?? []).map((one) => ({ one, filters: filtersOn(one, id) })).filter(({ filters }) => filters.length > 0);
  const heads = [t("node.columns.deployment"), t("node.columns.filters"), t("node.columns.state")];
  const rows = found.map(({ one, filters }) => [
    <Link key="name" className="link" to={`/pipelines/${encodeURIComponent(one.id)}`}>
      {one.name}
    </Link>,
    filters.join(", "),
    <RunMark key="state" state={one.state} />,
  ]);
  if (!deployments.data) {
    return (
      <Section title={t("node.runs")}>
        {deployments.isPending ? <Skeleton height={60} radius={12} /> : <ErrorNotice error={deployments.error} onRetry={() => void deployments.refetch()} />}
      </Section>
    );
  }
  return <PartTable title={t("node.runs")} heads={heads} rows={rows} empty={t("node.noRuns")} />;
}

function Settings({ node, etag }: { node: Node; etag: string | null }) {
  const { t } = useTranslation();
  const change = useChangeNode(node.id);
  // The version that the person saw: a live update behind the open form must not hide a conflict.
  const [seen, setSeen] = useState(etag);
  const [name, setName] = useState(node.name);
  const [labels, setLabels] = useState(formatLabels(node.labels));
  const [wrong, setWrong] = useState<string | null>(null);
  const conflict = change.error instanceof ApiError && change.error.status === 412;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const parsed = parseLabels(labels);
    setWrong(parsed.wrong);
    if (parsed.wrong !== null) return;
    change.mutate(
      { change: { name: name.trim(), labels: parsed.labels }, etag: seen ?? etag },
      {
        onSuccess: (answer) => {
          setSeen(answer.etag);
          tell({ color: "green", message: t("node.saved") });
        },
        onError: () => setSeen(null),
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput label={t("node.name")} required maxLength={128} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <TextInput
          label={t("labels.field")}
          description={t("labels.hint")}
          value={labels}
          onChange={(event) => setLabels(event.currentTarget.value)}
          error={wrong === null ? null : t("labels.wrong", { part: wrong })}
        />
        {conflict && (
          <Alert role="alert" variant="outline" color="yellow">
            {t("node.conflict")}
          </Alert>
        )}
        {change.isError && !conflict && <ErrorNotice error={change.error} title={t("error.action")} />}
        <Group justify="flex-end">
          <Button type="submit" size="xs" loading={change.isPending}>
            {t("action.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Identifier({ id }: { id: string }) {
  const { t } = useTranslation();
  return (
    <CopyButton value={id}>
      {({ copied, copy }) => (
        <Group gap={6} wrap="nowrap">
          <code>{id}</code>
          <Button size="compact-xs" variant="default" onClick={copy} leftSection={copied ? <IconCheck size={12} /> : <IconCopy size={12} />}>
            {copied ? t("action.copied") : t("action.copy")}
          </Button>
        </Group>
      )}
    </CopyButton>
  );
}

/** Lets the node in or puts it out, after asking. */
function Admit({ node }: { node: Node }) {
  const { t } = useTranslation(NODE_WORDS);
  const [asking, setAsking] = useState<Admission | null>(null);
  const close = () => setAsking(null);
  const actions = (["approve", "allow", "deny"] as const).filter((action) => fitFor(action, [node]).length > 0);
  return (
    <Group gap="xs">
      {actions.map((action) => (
        <Button key={action} size="xs" variant={action === "approve" ? "filled" : "default"} onClick={() => setAsking(action)}>
          {t(action)}
        </Button>
      ))}
      {asking && <AskNodes action={asking} nodes={[node]} onClose={close} onDone={close} />}
    </Group>
  );
}

function Body({ node, etag }: { node: Node; etag: string | null }) {
  const { t } = useTranslation();
  const facts: [string, ReactNode][] = [
    [t("node.id"), <Identifier key="id" id={node.id} />],
    [t("words.project"), `${node.tenant} / ${node.project}`],
    [t("node.version"), node.version || "–"],
    [t("node.enrolled"), node.enrolled_at ? <Ago key="enrolled" at={node.enrolled_at} /> : "–"],
    [t("node.lastSeen"), node.last_seen_at ? <Ago key="seen" at={node.last_seen_at} /> : t("devices.never")],
  ];
  return (
    <Stack gap="xl">
      <Group justify="space-between">
        <StateMark state={node.state} />
        <Admit node={node} />
      </Group>
      <Section title={t("node.facts")}>
        <Facts rows={facts} />
      </Section>
      <Runs id={node.id} />
      {isReached(node.state) && <Charts id={node.id} />}
      {isReached(node.state) && <Logs id={node.id} />}
      <Resources items={node.resources} />
      <Hardware items={node.devices} />
      <Section title={t("node.addresses")}>
        {node.addresses.length === 0 && (
          <Text size="sm" c="dimmed">
            {t("node.noAddresses")}
          </Text>
        )}
        <ul className="plain chips">
          {node.addresses.map((address) => (
            <li key={address}>
              <code className="chip">{address}</code>
            </li>
          ))}
        </ul>
      </Section>
      <Section title={t("node.settings")}>
        <Settings key={node.id} node={node} etag={etag} />
      </Section>
    </Stack>
  );
}

export function NodeDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const query = useNode(id);
  const node = query.data?.data;
  return (
    <DetailDrawer title={node?.name ?? id} error={query.error} gone={t("node.gone")} onRetry={() => void query.refetch()} onClose={onClose} size={520}>
      {node && <Body node={node} etag={query.data?.etag ?? null} />}
    </DetailDrawer>
  );
}

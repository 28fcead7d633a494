import { Alert, Button, Group, Modal, Select, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/client";
import { isReached } from "../../api/types";
import { DetailDrawer } from "../../components/DetailDrawer";
import { NodeLink } from "../../components/NodeLink";
import { useCause } from "../../components/Notices";
import { PartTable } from "../../components/PartTable";
import { RunMark, StateMark } from "../../components/State";
import { tell } from "../../components/tell";
import { Ago } from "../../components/Time";
import { heard } from "../../i18n/heard";
import { type ServiceAct, useAct, useFilterTypes, useLogs } from "./data";
import { markOf, pinsOf, runOf } from "./format";
import { SERVICE_WORDS } from "./texts";
import type { Service } from "./types";

function Nodes({ service }: { service: Service }) {
  const { t } = useTranslation(SERVICE_WORDS);
  const stopped = service.wanted === "stopped";
  const rows = service.nodes.map((node) => [
    <span key="name">
      <NodeLink id={node.id} name={node.name} />
      {node.is_canary && (
        <Text span size="xs" c="dimmed">
          {" "}
          {t("canary")}
        </Text>
      )}
    </span>,
    isReached(node.state) ? (
      <RunMark key="run" state={stopped ? "stopped" : markOf(runOf(node))} text={t(`run.${stopped ? "stopped" : runOf(node)}`)} />
    ) : (
      <StateMark key="state" state={node.state} />
    ),
    node.running || "–",
    node.restarts || "–",
    heard(node.why),
  ]);
  const heads = (["node", "run", "runs", "restarts", "why"] as const).map((head) => t(`columns.${head}`));
  return (
    <div>
      <PartTable title={t("parts.nodes")} heads={heads} rows={rows} empty={t("parts.noNodes")} />
      {service.elsewhere > 0 && (
        <Text size="xs" c="dimmed" mt={4}>
          {t("elsewhere", { count: service.elsewhere })}
        </Text>
      )}
    </div>
  );
}

function Filters({ service }: { service: Service }) {
  const { t } = useTranslation(SERVICE_WORDS);
  const types = useFilterTypes(service.name, service.number).data ?? [];
  const rows = types.map((one) => [<code key="type">{one.type}</code>, pinsOf(one.inputs), pinsOf(one.outputs), one.description]);
  const heads = (["type", "takes", "gives", "about"] as const).map((head) => t(`filterHeads.${head}`));
  return <PartTable title={t("parts.filters")} heads={heads} rows={rows} empty={t("parts.noNodes")} />;
}

interface ActProps {
  service: Service;
  busy: boolean;
  onAct: (act: ServiceAct) => void;
}

function Revisions({ service, busy, onAct }: ActProps) {
  const { t } = useTranslation(SERVICE_WORDS);
  const rows = [service.revision, ...service.past].map((one, at) => [
    one.number,
    <span key="at">
      <Ago at={one.at} />
      <Text size="xs" c="dimmed">
        {one.by}
      </Text>
    </span>,
    <span key="note">
      {one.is_bad && <RunMark state="failed" text={t("bad")} />} {heard(one.note)}
      {one.needs && <code className="revision-needs">{one.needs}</code>}
    </span>,
    at === 0 ? (
      <Text key="now" size="xs" c="dimmed">
        {t("current")}
      </Text>
    ) : (
      <Button key="return" size="compact-xs" variant="default" disabled={busy} onClick={() => onAct({ verb: "return", revision: one.number })}>
        {t("return", { number: one.number })}
      </Button>
    ),
  ]);
  const heads = (["revision", "pushed", "note", "action"] as const).map((head) => t(`columns.${head}`));
  return <PartTable title={t("parts.revisions")} heads={heads} rows={rows} empty="" />;
}

function Logs({ service }: { service: Service }) {
  const { t } = useTranslation(SERVICE_WORDS);
  const [node, setNode] = useState("");
  const logs = useLogs(service.name, node);
  const told = logs.data?.items ?? [];
  const silent = told.filter((one) => one.missing).map((one) => one.name);
  const several = told.filter((one) => one.lines.length > 0).length > 1;
  const text = told.flatMap((one) => one.lines.map((line) => (several ? `${one.name}  ${line}` : line))).join("\n");
  const nodes = [{ value: "", label: t("allNodes") }, ...service.nodes.map(({ id, name }) => ({ value: id, label: name }))];
  return (
    <section aria-label={t("parts.logs")}>
      <Group justify="space-between" mb={8}>
        <Title order={3} fz={13}>
          {t("parts.logs")}
        </Title>
        <Select size="xs" aria-label={t("logsOf")} data={nodes} value={node} allowDeselect={false} onChange={(value) => setNode(value ?? "")} />
      </Group>
      {text ? (
        <pre className="card printed" tabIndex={0} role="group" aria-label={t("parts.logs")}>
          {text}
        </pre>
      ) : (
        <Text size="sm" c="dimmed">
          {logs.isSuccess ? t("nothing") : ""}
        </Text>
      )}
      {silent.length > 0 && (
        <Text size="xs" c="dimmed" mt={4}>
          {t("silent", { names: silent.join(t("comma")) })}
        </Text>
      )}
    </section>
  );
}

function AskRemove({ name, busy, onRemove, onClose }: { name: string; busy: boolean; onRemove: () => void; onClose: () => void }) {
  const { t } = useTranslation([SERVICE_WORDS, "translation"]);
  return (
    <Modal opened onClose={onClose} title={t("removeTitle", { name })} closeButtonProps={{ "aria-label": t("translation:action.close") }}>
      <Text size="sm">{t("removeBody")}</Text>
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t("translation:action.cancel")}
        </Button>
        <Button color="red.9" loading={busy} onClick={onRemove}>
          {t("remove")}
        </Button>
      </Group>
    </Modal>
  );
}

function Body({ service, onPush, onClose }: { service: Service; onPush: () => void; onClose: () => void }) {
  const { t } = useTranslation([SERVICE_WORDS, "translation"]);
  const cause = useCause();
  const act = useAct(service.name);
  const [asking, setAsking] = useState(false);
  const onAct = (wanted: ServiceAct) =>
    act.mutate(wanted, {
      onSuccess: () => {
        const number = wanted.verb === "return" ? wanted.revision : 0;
        tell({ color: "green", message: t(`done.${wanted.verb}`, { name: service.name, number }) });
        if (wanted.verb === "remove") onClose();
      },
      onError: (error) => tell({ color: "red", title: t("translation:error.action"), message: cause(error) }),
    });
  const toggle = service.wanted === "stopped" ? "start" : "stop";
  return (
    <Stack gap="xl">
      <Group gap="xs">
        <Button size="xs" onClick={onPush}>
          {t("pushAgain")}
        </Button>
        <Button size="xs" variant="default" disabled={act.isPending} onClick={() => onAct({ verb: toggle })}>
          {t(toggle)}
        </Button>
        <Button size="xs" variant="default" c="var(--mantine-color-error)" disabled={act.isPending} onClick={() => setAsking(true)}>
          {t("remove")}
        </Button>
        {service.canaries > 0 && (
          <Text size="xs" c="dimmed">
            {t("canaries", { count: service.canaries })}
          </Text>
        )}
      </Group>
      {service.why && (
        <Alert variant="outline" color="yellow" icon={<IconAlertTriangle />} title={t("returnedTitle")} styles={{ title: { color: "var(--edge-stale)" }, icon: { color: "var(--edge-stale)" } }}>
          {heard(service.why)}
        </Alert>
      )}
      <Nodes service={service} />
      {service.kind === "filter" && <Filters service={service} />}
      <Revisions service={service} busy={act.isPending} onAct={onAct} />
      <Logs service={service} />
      {asking && <AskRemove name={service.name} busy={act.isPending} onRemove={() => onAct({ verb: "remove" })} onClose={() => setAsking(false)} />}
    </Stack>
  );
}

interface DrawerProps {
  name: string;
  /** As the list has it; undefined: it is not there any more. */
  service: Service | undefined;
  onRetry: () => void;
  onPush: () => void;
  onClose: () => void;
}

export function ServiceDrawer({ name, service, onRetry, onPush, onClose }: DrawerProps) {
  const { t } = useTranslation(SERVICE_WORDS);
  const gone = service ? null : new ApiError(404, t("gone"), "");
  return (
    <DetailDrawer title={name} error={gone} gone={t("gone")} onRetry={onRetry} onClose={onClose}>
      {service && <Body service={service} onPush={onPush} onClose={onClose} />}
    </DetailDrawer>
  );
}

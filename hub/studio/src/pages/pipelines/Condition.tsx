import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconCircleX, IconHourglass, IconPlugConnectedX, IconSquareCheck, IconVideoOff } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Deployment, FilterGroup } from "../../api/types";
import { heard } from "../../i18n/heard";
import { Reasons } from "./Reasons";
import { camerasLost, figuresOf, filterNames, isActive, nodeName } from "./derive";

interface NoteProps {
  icon: ReactNode;
  colour: string;
  title: string;
  hint: string;
  children?: ReactNode;
  actions?: ReactNode;
}

/** What is the matter, and below it what a person can do. */
function Note({ icon, colour, title, hint, children, actions }: NoteProps) {
  return (
    <Alert role="status" variant="outline" color="gray" icon={icon} title={title}
      styles={{ root: { borderColor: colour, background: "var(--edge-card)" }, icon: { color: colour }, title: { color: colour } }}
    >
      <Stack gap="xs" align="flex-start">
        {children}
        <Text size="sm" c="dimmed">
          {hint}
        </Text>
        {actions && <Group gap="xs">{actions}</Group>}
      </Stack>
    </Alert>
  );
}

function NodeButton({ id, name }: { id: string; name: string }) {
  const { t } = useTranslation();
  return (
    <Button component={Link} size="xs" variant="default" to={`/devices?node=${encodeURIComponent(id)}`}>
      {t("deployment.openNode", { name })}
    </Button>
  );
}

function Failed({ deployment, group }: { deployment: Deployment; group: FilterGroup }) {
  const { t } = useTranslation();
  const node = nodeName(deployment, group.node);
  const title = t("deployment.failed", { filters: group.filters.join(", "), node: node || "–" });
  return (
    <Note icon={<IconCircleX />} colour="var(--edge-offline)" title={title} hint={t("deployment.failedHint")} actions={group.node && <NodeButton id={group.node} name={node} />}>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {heard(group.error)}
      </Text>
    </Note>
  );
}

function Lost({ deployment, id, filters }: { deployment: Deployment; id: string; filters: string[] }) {
  const { t } = useTranslation();
  const name = nodeName(deployment, id);
  return (
    <Note icon={<IconPlugConnectedX />} colour="var(--edge-stale)" title={t("deployment.lostNode", { name })} hint={t("deployment.lostHint", { name })} actions={<NodeButton id={id} name={name} />}>
      <Text size="sm">{t("deployment.lostFilters", { filters: filters.join(", ") })}</Text>
    </Note>
  );
}

function CameraLost({ deployment, filter, why }: { deployment: Deployment; filter: string; why: string }) {
  const { t } = useTranslation();
  const id = deployment.nodes[filter];
  const name = nodeName(deployment, id);
  return (
    <Note icon={<IconVideoOff />} colour="var(--edge-stale)" title={t("deployment.cameraLost", { filter })} hint={t("deployment.cameraLostHint", { name })} actions={id && <NodeButton id={id} name={name} />}>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {why}
      </Text>
    </Note>
  );
}

function Unplaced({ reasons }: { reasons: Record<string, string> }) {
  const { t } = useTranslation();
  const actions = (
    <>
      <Button component={Link} size="xs" variant="default" to="/devices">
        {t("deployment.seeDevices")}
      </Button>
      <Button component={Link} size="xs" variant="default" to="/devices?add=1">
        {t("devices.add")}
      </Button>
    </>
  );
  return (
    <Note icon={<IconHourglass />} colour="var(--edge-stale)" title={t("deployment.waits")} hint={t("deployment.waitsHint")} actions={actions}>
      <Reasons reasons={reasons} />
    </Note>
  );
}

/** Whatever keeps a deployment from running, and its end: nothing while all is well. */
export function Condition({ deployment }: { deployment: Deployment }) {
  const { t } = useTranslation();
  const reasons = isActive(deployment) ? deployment.reasons : {};
  const waits = Object.keys(reasons).length > 0;
  const failed = deployment.groups.filter((group) => group.error);
  const lost = new Map<string, string[]>();
  for (const group of deployment.wanted === "running" ? deployment.groups : []) {
    if (group.state !== "waiting" || !group.node || group.filters.some((name) => deployment.reasons[name])) continue;
    lost.set(group.node, [...(lost.get(group.node) ?? []), ...group.filters]);
  }
  const cameras = camerasLost(deployment);
  const frames = Math.max(0, ...filterNames(deployment).map((name) => figuresOf(deployment, name).frames_out ?? 0));
  if (!waits && failed.length + lost.size + cameras.length === 0 && deployment.state !== "finished") return null;
  return (
    <Stack gap="sm">
      {failed.map((group) => (
        <Failed key={group.leader} deployment={deployment} group={group} />
      ))}
      {[...lost].map(([id, filters]) => (
        <Lost key={id} deployment={deployment} id={id} filters={filters} />
      ))}
      {cameras.map(([filter, why]) => (
        <CameraLost key={filter} deployment={deployment} filter={filter} why={why} />
      ))}
      {waits && <Unplaced reasons={reasons} />}
      {deployment.state === "finished" && (
        <Note icon={<IconSquareCheck />} colour="var(--edge-online)" title={t("deployment.finished")} hint={t("deployment.finishedHint")}>
          {frames > 0 && <Text size="sm">{t("deployment.finishedFrames", { count: frames })}</Text>}
        </Note>
      )}
    </Stack>
  );
}

import { Alert, Button, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconCircleCheckFilled, IconHourglass } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useDeployments } from "../api/deployments";
import { useNodes, useOverview, useSession } from "../api/queries";
import { type Deployment, type Overview as OverviewData, RUN_STATES } from "../api/types";
import { EventList } from "../components/Events";
import { ErrorNotice } from "../components/Notices";
import { PageHead } from "../components/PageHead";
import { RunMark, StateMark } from "../components/State";
import { previews, PictureTile } from "../live/PictureTile";

const SHOWN = ["online", "stale", "offline", "pending"] as const;

function Counts({ nodes }: { nodes: OverviewData["nodes"] }) {
  const { t } = useTranslation();
  return (
    <ul className="counts" aria-label={t("overview.states")}>
      {SHOWN.map((state) => (
        <li key={state}>
          <Link className="card count" to={`/devices?state=${state}`}>
            <StateMark state={state} />
            <div className="count-number">{nodes[state]}</div>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Waiting({ count }: { count: number }) {
  const { t } = useTranslation();
  return (
    <Alert variant="outline" color="accent" icon={<IconHourglass />} styles={{ icon: { color: "var(--edge-pending)" } }}>
      <Group justify="space-between">
        <Text size="sm">{t("overview.waiting", { count })}</Text>
        <Button component={Link} to="/devices?state=pending" size="xs" variant="default">
          {t("overview.review")}
        </Button>
      </Group>
    </Alert>
  );
}

function PipelineCard({ deployments }: { deployments: Deployment[] }) {
  const { t } = useTranslation();
  const counts = RUN_STATES.map((state) => ({ state, count: deployments.filter((one) => one.state === state).length }));
  return (
    <section className="card" aria-label={t("overview.pipelines")}>
      <Group justify="space-between" px="md" pt="md" pb="sm">
        <Title order={2}>{t("overview.pipelines")}</Title>
        <Button component={Link} to="/pipelines" size="xs" variant="default">
          {t("overview.allPipelines")}
        </Button>
      </Group>
      <ul className="plain runs">
        {counts
          .filter(({ count }) => count > 0)
          .map(({ state, count }) => (
            <li key={state}>
              <Link to={`/pipelines?state=${state}`}>
                <RunMark state={state} /> <b>{count}</b>
              </Link>
            </li>
          ))}
      </ul>
    </section>
  );
}

const THUMBNAILS = 3;

function LiveRow({ deployments }: { deployments: Deployment[] }) {
  const { t } = useTranslation();
  const shown = previews(deployments).filter((one) => one.deployment.state === "running");
  if (shown.length === 0) return null;
  return (
    <section aria-label={t("overview.live")}>
      <Group justify="space-between" mb="xs">
        <Title order={2}>{t("overview.live")}</Title>
        <Button component={Link} to="/live" size="xs" variant="default">
          {t("overview.allLive")}
        </Button>
      </Group>
      <div className="tiles">
        {shown.slice(0, THUMBNAILS).map((preview) => (
          <PictureTile key={`${preview.deployment.id}/${preview.filter}`} preview={preview} />
        ))}
      </div>
    </section>
  );
}

/** The two steps to a first picture, until both are done. */
function Guide({ hasDevice }: { hasDevice: boolean }) {
  const { t } = useTranslation();
  const steps = [
    { done: hasDevice, title: t("overview.emptyTitle"), body: t("overview.emptyBody"), to: "/devices?add=1", act: t("devices.add") },
    { done: false, title: t("overview.deployTitle"), body: t("overview.deployBody"), to: "/pipelines", act: t("overview.deploy") },
  ];
  const next = steps.findIndex((step) => !step.done);
  return (
    <section className="card" aria-label={t("overview.guide")}>
      <Title order={2} px="md" pt="md" pb="sm">
        {t("overview.guide")}
      </Title>
      <ol className="plain steps">
        {steps.map(({ done, title, body, to, act }, at) => (
          <li key={to} className="step">
            {done ? (
              <IconCircleCheckFilled size={24} color="var(--edge-online)" role="img" aria-label={t("overview.done")} style={{ flex: "none" }} />
            ) : (
              <span className="step-number">{at + 1}</span>
            )}
            <Stack gap={6} align="flex-start">
              <Text fw={650} size="sm">
                {title}
              </Text>
              <Text size="sm" c="dimmed">
                {body}
              </Text>
              {!done && (
                <Button component={Link} to={to} size="xs" mt={4} variant={at === next ? "filled" : "default"}>
                  {act}
                </Button>
              )}
            </Stack>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The fleet's page stays whole when pipelines cannot be loaded: that part says so alone. */
function PipelinePart() {
  const deployments = useDeployments();
  const nodes = useNodes("");
  if (deployments.isPending || nodes.isPending) return <Skeleton height={96} radius={12} />;
  if (!deployments.data) return <ErrorNotice error={deployments.error} onRetry={() => void deployments.refetch()} />;
  const found = (nodes.data?.pages ?? []).flatMap((page) => page.items);
  // The hub is a node itself, but nobody's first device.
  const hasDevice = found.some((node) => node.labels["role"] !== "hub");
  if (deployments.data.items.length === 0) return <Guide hasDevice={hasDevice} />;
  return (
    <>
      <PipelineCard deployments={deployments.data.items} />
      <LiveRow deployments={deployments.data.items} />
    </>
  );
}

function Body({ data }: { data: OverviewData }) {
  const { t } = useTranslation();
  return (
    <Stack gap="lg">
      <Counts nodes={data.nodes} />
      {data.nodes.pending > 0 && <Waiting count={data.nodes.pending} />}
      <PipelinePart />
      <section className="card" aria-label={t("overview.events")}>
        <Title order={2} px="md" pt="md" pb={6}>
          {t("overview.events")}
        </Title>
        {data.events.length === 0 ? (
          <Text c="dimmed" size="sm" px="md" pb="md">
            {t("overview.noEvents")}
          </Text>
        ) : (
          <EventList events={data.events} label={t("overview.events")} />
        )}
      </section>
    </Stack>
  );
}

export default function Overview() {
  const { t } = useTranslation();
  const overview = useOverview();
  const session = useSession();
  const { data } = overview;
  return (
    <>
      <PageHead title={t("overview.title")} subtitle={t("overview.subtitle", { mesh: session.data?.mesh ?? "" })} />
      {overview.isPending && (
        <Stack aria-hidden>
          <div className="counts">
            {SHOWN.map((state) => (
              <Skeleton key={state} height={94} radius={12} />
            ))}
          </div>
          <Skeleton height={280} radius={12} />
        </Stack>
      )}
      {overview.isError && !data && <ErrorNotice error={overview.error} onRetry={() => void overview.refetch()} />}
      {data && <Body data={data} />}
    </>
  );
}

import { Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import { IconArrowLeft, IconPlayerStop, IconRocket, IconTrash } from "@tabler/icons-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useParams } from "react-router";
import { ApiError } from "../../api/client";
import { type DeploymentAction, useDeploy, useDeployment } from "../../api/deployments";
import type { Deployment } from "../../api/types";
import { useQueryFields } from "../../components/address";
import { ErrorNotice, useCause } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import { RunMark } from "../../components/State";
import { Ago } from "../../components/Time";
import { LivePicture, PictureFacts } from "../../live/LivePicture";
import { AskAction } from "./Actions";
import { ageOf, authorOf, canStop, filterNames, fpsOf, isActive, milliseconds, moment, nodeName, nodesOf, previewsOf, rate } from "./derive";
import { Condition } from "./Condition";
import { FilterDrawer } from "./FilterDrawer";
import { type Layer, LAYERS } from "./layers";
import { ConnectionList, FilterList } from "./Lists";
import { tell } from "../../components/tell";

const Canvas = lazy(() => import("./Canvas"));

function useAddress() {
  const { query, set: change } = useQueryFields();
  const set = (name: string, value: string | null) => change({ [name]: value });
  const layer: Layer = LAYERS.find((one) => one === query.get("layer")) ?? "figures";
  return { layer, filter: query.get("filter"), set };
}

function Buttons({ deployment }: { deployment: Deployment }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const cause = useCause();
  const deploy = useDeploy();
  const [asking, setAsking] = useState<DeploymentAction | null>(null);
  const again = () =>
    deploy.mutate(
      { deployment: deployment.id, name: deployment.name },
      {
        onSuccess: (made) => void navigate(`/pipelines/${encodeURIComponent(made.id)}`),
        onError: (error) => tell({ color: "red", title: t("error.action"), message: cause(error) }),
      },
    );
  const leave = (action: DeploymentAction) => {
    if (action === "delete") void navigate("/pipelines");
  };
  return (
    <Group gap="xs">
      {canStop(deployment) && (
        <Button variant="default" leftSection={<IconPlayerStop size={16} />} onClick={() => setAsking("stop")}>
          {t("pipelines.stop")}
        </Button>
      )}
      {!isActive(deployment) && (
        <>
          <Button variant="default" leftSection={<IconTrash size={16} />} onClick={() => setAsking("delete")}>
            {t("pipelines.delete")}
          </Button>
          <Button leftSection={<IconRocket size={16} />} loading={deploy.isPending} onClick={again}>
            {t("pipelines.again")}
          </Button>
        </>
      )}
      {asking && <AskAction action={asking} deployments={[deployment]} onClose={() => setAsking(null)} onDone={leave} />}
    </Group>
  );
}

function Facts({ deployment }: { deployment: Deployment }) {
  const { t } = useTranslation();
  const facts: [string, ReactNode][] = [
    [t("deployment.facts.nodes"), nodesOf(deployment).join(", ") || "–"],
    [t("deployment.facts.fps"), rate(fpsOf(deployment))],
    [t("deployment.facts.age"), milliseconds(ageOf(deployment))],
    [
      t("deployment.facts.started"),
      <span key="started">
        <Ago at={moment(deployment.created_at)} />
        {t("deployment.facts.by", { name: authorOf(deployment) })}
      </span>,
    ],
    [t("deployment.facts.keeper"), nodeName(deployment, deployment.keeper) || "–"],
    [t("deployment.facts.epoch"), deployment.epoch],
  ];
  return (
    <dl className="card strip">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Pictures({ deployment }: { deployment: Deployment }) {
  const { t } = useTranslation();
  const filters = previewsOf(deployment);
  if (filters.length === 0 || !isActive(deployment)) {
    return (
      <div className="card">
        <Text c="dimmed" size="sm" p="md">
          {t(filters.length === 0 ? "deployment.noPreview" : "deployment.notRunning")}
        </Text>
      </div>
    );
  }
  return (
    <div className={filters.length > 1 ? "tiles" : undefined}>
      {filters.map((filter) => (
        <figure key={filter} className="card tile">
          <div className={filters.length > 1 ? undefined : "picture-large"}>
            <LivePicture deployment={deployment} filter={filter} />
          </div>
          <figcaption>
            {filters.length > 1 && <b>{filter}</b>}
            <PictureFacts deployment={deployment} filter={filter} />
          </figcaption>
        </figure>
      ))}
    </div>
  );
}

function Body({ deployment }: { deployment: Deployment }) {
  const { t } = useTranslation();
  const { layer, filter, set } = useAddress();
  const open = (name: string) => set("filter", name);
  const known = filter !== null && filterNames(deployment).includes(filter);
  return (
    <Stack gap="md">
      <Facts deployment={deployment} />
      <Condition deployment={deployment} />
      <div role="group" aria-label={t("deployment.layers")} className="layers">
        {LAYERS.map((value) => (
          <button key={value} type="button" aria-pressed={layer === value} onClick={() => set("layer", value)}>
            {t(`deployment.${value}`)}
          </button>
        ))}
      </div>
      {layer === "live" && <Pictures deployment={deployment} />}
      <Suspense fallback={<Skeleton height={340} radius={12} />}>
        <Canvas deployment={deployment} layer={layer} onOpen={open} />
      </Suspense>
      <FilterList deployment={deployment} layer={layer} onOpen={open} />
      {layer !== "live" && <ConnectionList deployment={deployment} layer={layer} />}
      {known && filter !== null && <FilterDrawer deployment={deployment} filter={filter} onClose={() => set("filter", null)} />}
    </Stack>
  );
}

export default function DeploymentPage() {
  const { t } = useTranslation();
  const { id = "" } = useParams();
  const query = useDeployment(id);
  const missing = query.error instanceof ApiError && query.error.status === 404;
  const deployment = query.data;
  return (
    <>
      <Button component={Link} to="/pipelines" variant="subtle" size="compact-sm" px={4} mb={6} c="dimmed" leftSection={<IconArrowLeft size={15} />}>
        {t("deployment.back")}
      </Button>
      {!(deployment && !missing) && <PageHead title={t("pipelines.deployments")} />}
      {query.isPending && (
        <Stack aria-hidden>
          <Skeleton height={30} width={260} />
          <Skeleton height={70} radius={12} />
          <Skeleton height={340} radius={12} />
        </Stack>
      )}
      {query.isError && (missing || !deployment) && (
        <ErrorNotice error={query.error} title={missing ? t("deployment.gone") : undefined} onRetry={() => void query.refetch()} />
      )}
      {deployment && !missing && (
        <>
          <PageHead title={deployment.name} mark={<RunMark state={deployment.state} />}>
            <Buttons deployment={deployment} />
          </PageHead>
          <Body key={deployment.id} deployment={deployment} />
        </>
      )}
    </>
  );
}

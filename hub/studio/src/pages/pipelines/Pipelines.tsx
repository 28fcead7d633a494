import { Button, CloseButton, Group, Select, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconFilterOff, IconPlayerStop, IconSchema, IconSearch, IconTrash } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DeploymentAction, useDeployments, useTemplates } from "../../api/deployments";
import { type Deployment, RUN_STATES } from "../../api/types";
import { useQueryFields } from "../../components/address";
import { EmptyNotice, ErrorNotice } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import { TableSkeleton } from "../devices/NodeTable";
import { AskAction } from "./Actions";
import { DeployPanel } from "./DeployPanel";
import { type Ask, DeploymentTable } from "./DeploymentTable";
import { canStop, matches } from "./derive";
import { Templates } from "./Templates";

/** Search, state and the template being deployed live in the address, so that a link shows the same. */
function useAddress() {
  const { query, set } = useQueryFields();
  const state = RUN_STATES.find((one) => one === query.get("state")) ?? null;
  return { search: query.get("search") ?? "", state, template: query.get("template"), set };
}

function Bulk({ rows, onAsk, onClear }: { rows: Deployment[]; onAsk: Ask; onClear: () => void }) {
  const { t } = useTranslation();
  const active = rows.filter(canStop);
  return (
    <section className="card bulk" aria-label={t("pipelines.region")}>
      <Text size="sm" fw={650} role="status" mr={6} style={{ whiteSpace: "nowrap" }}>
        {t("pipelines.selected", { count: rows.length })}
      </Text>
      <Button size="xs" variant="default" leftSection={<IconPlayerStop size={15} />} disabled={active.length === 0} onClick={() => onAsk("stop", active)}>
        {t("pipelines.stop")}
      </Button>
      <Button size="xs" variant="default" leftSection={<IconTrash size={15} />} onClick={() => onAsk("delete", rows)}>
        {t("pipelines.delete")}
      </Button>
      <CloseButton aria-label={t("action.clear")} onClick={onClear} />
    </section>
  );
}

function Nothing({ all, onClear }: { all: boolean; onClear: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="card">
      {all ? (
        <EmptyNotice icon={<IconSchema size={40} stroke={1.3} />} title={t("pipelines.emptyTitle")} body={t("pipelines.emptyBody")} />
      ) : (
        <EmptyNotice
          icon={<IconFilterOff size={38} stroke={1.3} />}
          title={t("pipelines.noMatchTitle")}
          body={t("pipelines.noMatchBody")}
          action={
            <Button variant="default" onClick={onClear}>
              {t("pipelines.clear")}
            </Button>
          }
        />
      )}
    </div>
  );
}

function Deployments() {
  const { t } = useTranslation();
  const deployments = useDeployments();
  const { search, state, set } = useAddress();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState<{ action: DeploymentAction; deployments: Deployment[] } | null>(null);
  const items = deployments.data?.items;
  const rows = useMemo(
    () => (items ?? []).filter((one) => (!state || one.state === state) && matches(one, search, t(`run.${one.state}`))),
    [items, search, state, t],
  );
  const selected = rows.filter((row) => chosen.has(row.id));
  const states = [{ value: "", label: t("pipelines.anyState") }, ...RUN_STATES.map((value) => ({ value, label: t(`run.${value}`) }))];
  const ask: Ask = (action, wanted) => setAsking({ action, deployments: wanted });
  return (
    <section aria-labelledby="deployments">
      <Title order={2} id="deployments" mb="xs">
        {t("pipelines.deployments")}
      </Title>
      <Stack gap="sm">
        {items && items.length > 0 && (
          <Group>
            <TextInput
              style={{ flex: "1 1 240px" }}
              maw={460}
              aria-label={t("pipelines.search")}
              placeholder={t("pipelines.searchPlaceholder")}
              leftSection={<IconSearch size={16} aria-hidden />}
              value={search}
              maxLength={128}
              onChange={(event) => set({ search: event.currentTarget.value }, true)}
            />
            <Select w={170} aria-label={t("pipelines.state")} data={states} value={state ?? ""} allowDeselect={false} onChange={(value) => set({ state: value }, true)} />
            <Text size="xs" c="dimmed" role="status" ml="auto">
              {t("pipelines.count", { count: rows.length })}
            </Text>
          </Group>
        )}
        {deployments.isPending && <TableSkeleton />}
        {deployments.isError && !items && <ErrorNotice error={deployments.error} onRetry={() => void deployments.refetch()} />}
        {items && rows.length === 0 && <Nothing all={items.length === 0} onClear={() => set({ search: null, state: null })} />}
        {rows.length > 0 && <DeploymentTable rows={rows} chosen={chosen} onChoose={setChosen} onAsk={ask} />}
      </Stack>
      {selected.length > 0 && <Bulk rows={selected} onAsk={ask} onClear={() => setChosen(new Set())} />}
      {asking && <AskAction {...asking} onClose={() => setAsking(null)} onDone={() => setChosen(new Set())} />}
    </section>
  );
}

export default function Pipelines() {
  const { t } = useTranslation();
  const templates = useTemplates();
  const { template, set } = useAddress();
  const deploying = templates.data?.items.find((one) => one.id === template);
  return (
    <>
      <PageHead title={t("pipelines.title")} subtitle={t("pipelines.subtitle")} />
      <Stack gap="xl">
        <Templates onDeploy={(id) => set({ template: id })} />
        <Deployments />
      </Stack>
      {deploying && <DeployPanel key={deploying.id} template={deploying} onClose={() => set({ template: null })} />}
    </>
  );
}

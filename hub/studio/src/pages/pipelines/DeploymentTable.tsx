import { ActionIcon, Checkbox, Menu, Table } from "@mantine/core";
import { IconDotsVertical, IconPhoto, IconPlayerStop, IconSchema, IconTrash } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import type { DeploymentAction } from "../../api/deployments";
import type { Deployment } from "../../api/types";
import { heard } from "../../i18n/heard";
import { RunMark } from "../../components/State";
import { Ago } from "../../components/Time";
import { ageOf, canStop, fpsOf, isActive, milliseconds, moment, nodesOf, previewsOf, rate } from "./derive";

export type Ask = (action: DeploymentAction, deployments: Deployment[]) => void;

function address(deployment: Deployment): string {
  return `/pipelines/${encodeURIComponent(deployment.id)}`;
}

function RowMenu({ deployment, onAsk }: { deployment: Deployment; onAsk: Ask }) {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end" width={190} portalProps={{ target: "#content" }}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t("pipelines.actions", { name: deployment.name })}>
          <IconDotsVertical size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to={address(deployment)} leftSection={<IconSchema size={16} />}>
          {t("pipelines.open")}
        </Menu.Item>
        {previewsOf(deployment).length > 0 && (
          <Menu.Item component={Link} to={`${address(deployment)}?layer=live`} leftSection={<IconPhoto size={16} />}>
            {t("pipelines.live")}
          </Menu.Item>
        )}
        {canStop(deployment) && (
          <Menu.Item leftSection={<IconPlayerStop size={16} />} onClick={() => onAsk("stop", [deployment])}>
            {t("pipelines.stop")}
          </Menu.Item>
        )}
        <Menu.Item c="var(--mantine-color-error)" leftSection={<IconTrash size={16} />} onClick={() => onAsk("delete", [deployment])}>
          {t("pipelines.delete")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Nodes({ deployment }: { deployment: Deployment }) {
  const { t } = useTranslation();
  const missing = isActive(deployment) ? Object.keys(deployment.reasons).length : 0;
  return (
    <span className="chips">
      {nodesOf(deployment).map((name) => (
        <span key={name} className="chip" title={name}>
          {name}
        </span>
      ))}
      {missing > 0 && (
        <span className="chip" style={{ color: "var(--edge-stale)" }} title={Object.values(deployment.reasons).map(heard).join("\n")}>
          {t("pipelines.unplaced")} <b>{missing}</b>
        </span>
      )}
    </span>
  );
}

interface RowProps {
  deployment: Deployment;
  chosen: boolean;
  onToggle: (id: string, chosen: boolean) => void;
  onAsk: Ask;
}

function Row({ deployment, chosen, onToggle, onAsk }: RowProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Table.Tr bg={chosen ? "var(--edge-accent-soft)" : undefined} onClick={() => void navigate(address(deployment))}>
      <Table.Td w={40} onClick={(event) => event.stopPropagation()}>
        <Checkbox
          size="xs"
          aria-label={t("pipelines.selectOne", { name: deployment.name })}
          checked={chosen}
          onChange={(event) => onToggle(deployment.id, event.currentTarget.checked)}
        />
      </Table.Td>
      <Table.Td>
        <RunMark state={deployment.state} />
      </Table.Td>
      <Table.Td>
        <Link className="node-name" title={deployment.name} to={address(deployment)} onClick={(event) => event.stopPropagation()}>
          {deployment.name}
        </Link>
      </Table.Td>
      <Table.Td>
        <Nodes deployment={deployment} />
      </Table.Td>
      <Table.Td ta="right">{rate(fpsOf(deployment))}</Table.Td>
      <Table.Td ta="right" style={{ whiteSpace: "nowrap" }}>
        {milliseconds(ageOf(deployment))}
      </Table.Td>
      <Table.Td>
        <Ago at={moment(deployment.created_at)} />
      </Table.Td>
      <Table.Td w={40} onClick={(event) => event.stopPropagation()}>
        <RowMenu deployment={deployment} onAsk={onAsk} />
      </Table.Td>
    </Table.Tr>
  );
}

interface TableProps {
  rows: Deployment[];
  chosen: ReadonlySet<string>;
  onChoose: (update: (before: ReadonlySet<string>) => ReadonlySet<string>) => void;
  onAsk: Ask;
}

export function DeploymentTable({ rows, chosen, onChoose, onAsk }: TableProps) {
  const { t } = useTranslation();
  const count = rows.filter((row) => chosen.has(row.id)).length;
  const toggle = (id: string, on: boolean) =>
    onChoose((before) => new Set(on ? [...before, id] : [...before].filter((one) => one !== id)));
  return (
    <div className="card" style={{ overflow: "hidden" }}>
      <Table.ScrollContainer minWidth={760} type="native">
        <Table className="nodes" highlightOnHover highlightOnHoverColor="var(--edge-hover)" verticalSpacing={7} horizontalSpacing="sm" aria-label={t("pipelines.table")}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={40}>
                <Checkbox
                  size="xs"
                  aria-label={t("pipelines.selectAll")}
                  checked={count > 0 && count === rows.length}
                  indeterminate={count > 0 && count < rows.length}
                  onChange={(event) => {
                    const all = event.currentTarget.checked;
                    onChoose(() => new Set(all ? rows.map((row) => row.id) : []));
                  }}
                />
              </Table.Th>
              <Table.Th>{t("pipelines.columns.state")}</Table.Th>
              <Table.Th>{t("pipelines.columns.name")}</Table.Th>
              <Table.Th>{t("pipelines.columns.nodes")}</Table.Th>
              <Table.Th ta="right">{t("pipelines.columns.fps")}</Table.Th>
              <Table.Th ta="right" title={t("pipelines.ageHint")}>
                {t("pipelines.columns.age")}
              </Table.Th>
              <Table.Th>{t("pipelines.columns.started")}</Table.Th>
              <Table.Td w={40} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row key={row.id} deployment={row} chosen={chosen.has(row.id)} onToggle={toggle} onAsk={onAsk} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </div>
  );
}

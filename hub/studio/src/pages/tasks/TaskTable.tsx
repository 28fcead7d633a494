import { Table, Text } from "@mantine/core";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import { RunMark } from "../../components/State";
import { TableHeads } from "../../components/TableHeads";
import { Ago, useNow } from "../../components/Time";
import { heard } from "../../i18n/heard";
import { markOf, seconds, span } from "./format";
import { TASK_WORDS } from "./texts";
import type { Task } from "./types";

const TICK_MS = 1_000;

function Ran({ task }: { task: Task }) {
  const now = useNow(TICK_MS);
  return <>{span(seconds(task.started_at, task.ended_at, now) ?? 0)}</>;
}

/** Only what changed is drawn again, and only what runs counts on. */
const Line = memo(function Line({ task, onOpen }: { task: Task; onOpen: (id: string) => void }) {
  const { t } = useTranslation(TASK_WORDS);
  const took = seconds(task.started_at, task.ended_at, 0);
  return (
    <Table.Tr onClick={() => onOpen(task.id)}>
      <Table.Td>
        <button type="button" className="node-name">
          {task.name}
        </button>
        {task.what !== "task" && (
          <Text span size="xs" c="dimmed">
            {" "}
            {t(`what.${task.what}`)}
          </Text>
        )}
        {task.why && (
          <span className="task-why" title={heard(task.why)}>
            {heard(task.why)}
          </span>
        )}
      </Table.Td>
      <Table.Td>
        <RunMark state={markOf(task.state)} text={t(`state.${task.state}`)} />
        {task.state === "runs" && task.progress !== null && (
          <Text span size="xs" c="dimmed">
            {" "}
            {Math.round(task.progress * 100)} %
          </Text>
        )}
      </Table.Td>
      <Table.Td>{task.node ? task.node.name || t("elsewhere") : "–"}</Table.Td>
      <Table.Td>{task.attempts}</Table.Td>
      <Table.Td>
        <Ago at={task.submitted_at} />
      </Table.Td>
      <Table.Td style={{ whiteSpace: "nowrap" }}>{took === null ? "–" : task.ended_at ? span(took) : <Ran task={task} />}</Table.Td>
    </Table.Tr>
  );
});

/** Tasks, the newest first. */
export function TaskTable({ tasks, onOpen }: { tasks: Task[]; onOpen: (id: string) => void }) {
  const { t } = useTranslation(TASK_WORDS);
  const heads = (["function", "state", "node", "attempts", "submitted", "took"] as const).map((head) => t(`columns.${head}`));
  return (
    <section className="card" style={{ overflow: "hidden" }} aria-label={t("list")}>
      <Table.ScrollContainer minWidth={640} type="native" tabIndex={0} role="group" aria-label={t("list")}>
        <Table className="nodes" aria-label={t("list")} highlightOnHover highlightOnHoverColor="var(--edge-hover)" verticalSpacing={7}>
          <TableHeads heads={heads} />
          <Table.Tbody>
            {tasks.map((task) => (
              <Line key={task.id} task={task} onOpen={onOpen} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}

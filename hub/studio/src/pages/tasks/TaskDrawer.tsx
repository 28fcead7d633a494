import { Button, Group, Progress, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "../../api/queries";
import { mayChange } from "../../api/types";
import { DetailDrawer } from "../../components/DetailDrawer";
import { Facts } from "../../components/Facts";
import { useCause } from "../../components/Notices";
import { PartTable } from "../../components/PartTable";
import { Section } from "../../components/Section";
import { RunMark } from "../../components/State";
import { tell } from "../../components/tell";
import { Ago } from "../../components/Time";
import { heard } from "../../i18n/heard";
import { Attempts } from "./Attempts";
import { useBelow, useCancel, useStory } from "./data";
import { hasEnded, markOf } from "./format";
import { Place } from "./Place";
import { TASK_WORDS } from "./texts";
import type { TaskStory } from "./types";

function About({ story, onOpen }: { story: TaskStory; onOpen: (id: string) => void }) {
  const { t } = useTranslation(TASK_WORDS);
  const { task } = story;
  const code = (text: string) => (text ? <code style={{ overflowWrap: "anywhere" }}>{text}</code> : "");
  const rows: [string, ReactNode][] = [
    [t("facts.submitted"), <Ago key="at" at={task.submitted_at} />],
    [t("facts.ended"), task.ended_at ? <Ago key="end" at={task.ended_at} /> : ""],
    [t("facts.home"), <Place key="home" place={task.home} />],
    [t("facts.node"), task.node ? <Place key="node" place={task.node} /> : ""],
    [t("facts.principal"), story.principal.id === task.home.id ? "" : <Place key="principal" place={story.principal} />],
    [t("facts.needs"), code(task.needs)],
    [t("facts.priority"), t(`priority.p${task.priority as 0 | 1 | 2}`)],
    [t("facts.mode"), t(`mode.${story.mode}`)],
    [t("facts.python"), story.python],
    [t("facts.retries"), story.at_most_once ? t("once") : String(story.retries)],
    [t("facts.deadline"), story.deadline_s === null ? "" : `${story.deadline_s} s`],
    [
      t("facts.parent"),
      task.parent && (
        <Button key="parent" size="compact-xs" variant="default" onClick={() => onOpen(task.parent)}>
          {task.parent.slice(-12)}
        </Button>
      ),
    ],
    [t("facts.group"), code(task.group)],
    [t("facts.actor"), code(task.actor)],
    [t("facts.id"), code(task.id)],
    [t("facts.durable"), code(task.durable_id)],
  ];
  return (
    <Section title={t("parts.about")}>
      <Facts rows={rows.filter(([, value]) => value !== "")} />
    </Section>
  );
}

function Failure({ error }: { error: NonNullable<TaskStory["error"]> }) {
  const { t } = useTranslation(TASK_WORDS);
  return (
    <Section title={t("parts.error")}>
      <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
        {error.type}: {heard(error.text)}
      </Text>
      {error.traceback && (
        <pre className="card printed" tabIndex={0} role="group" aria-label={t("parts.error")}>
          {error.traceback}
        </pre>
      )}
    </Section>
  );
}

function Output({ story }: { story: TaskStory }) {
  const { t } = useTranslation(TASK_WORDS);
  return (
    <Section title={t("parts.output")}>
      {story.is_output_cut && (
        <Text size="xs" c="dimmed" mb={4}>
          {t("cut")}
        </Text>
      )}
      {story.output.length > 0 ? (
        <pre className="card printed" tabIndex={0} role="group" aria-label={t("parts.output")}>
          {story.output.map(({ stream, text }, at) => (
            <span key={at} data-stream={stream}>
              {text}
            </span>
          ))}
        </pre>
      ) : (
        <Text size="sm" c="dimmed">
          {t("nothing")}
        </Text>
      )}
    </Section>
  );
}

/** The tasks that it has submitted; nothing if there are none. */
function Below({ id, onOpen }: { id: string; onOpen: (id: string) => void }) {
  const { t } = useTranslation(TASK_WORDS);
  const items = useBelow(id).data?.items ?? [];
  if (items.length === 0) return null;
  const rows = items.map((task) => [
    <button key="name" type="button" className="node-name" onClick={() => onOpen(task.id)}>
      {task.name}
    </button>,
    <RunMark key="state" state={markOf(task.state)} text={t(`state.${task.state}`)} />,
    task.node ? <Place key="node" place={task.node} /> : "–",
  ]);
  return <PartTable title={t("parts.below")} heads={[t("columns.function"), t("columns.state"), t("columns.node")]} rows={rows} empty="" />;
}

function Body({ story, onOpen }: { story: TaskStory; onOpen: (id: string) => void }) {
  const { t } = useTranslation([TASK_WORDS, "translation"]);
  const { task } = story;
  const cause = useCause();
  const cancel = useCancel(task.id);
  const mayCancel = mayChange(useSession().data) && !hasEnded(task.state);
  const onCancel = () =>
    cancel.mutate(undefined, {
      onSuccess: () => tell({ color: "green", message: t("cancelled", { name: task.name }) }),
      onError: (error) => tell({ color: "red", title: t("translation:error.action"), message: cause(error) }),
    });
  return (
    <Stack gap="xl">
      <Group justify="space-between">
        <Group gap="xs">
          <RunMark state={markOf(task.state)} text={t(`state.${task.state}`)} />
          <Text size="xs" c="dimmed">
            {t(`what.${task.what}`)}
          </Text>
        </Group>
        {mayCancel && (
          <Button size="xs" variant="default" c="var(--mantine-color-error)" loading={cancel.isPending} onClick={onCancel}>
            {t("cancel")}
          </Button>
        )}
      </Group>
      {task.why && !story.error && (
        <Text size="sm" role="status" style={{ overflowWrap: "anywhere" }}>
          {heard(task.why)}
        </Text>
      )}
      {task.progress !== null && (
        <div>
          <Progress value={task.progress * 100} aria-label={t("progress")} />
          <Text size="xs" c="dimmed" mt={4}>
            {Math.round(task.progress * 100)} % {story.progress_text}
          </Text>
        </div>
      )}
      <Attempts story={story} />
      {story.error && <Failure error={story.error} />}
      <Output story={story} />
      <Below id={task.id} onOpen={onOpen} />
      <About story={story} onOpen={onOpen} />
    </Stack>
  );
}

interface DrawerProps {
  id: string;
  onOpen: (id: string) => void;
  onClose: () => void;
}

export function TaskDrawer({ id, onOpen, onClose }: DrawerProps) {
  const { t } = useTranslation(TASK_WORDS);
  const story = useStory(id);
  return (
    <DetailDrawer title={story.data?.task.name ?? t("title")} error={story.data ? null : story.error} gone={t("gone")} onRetry={() => void story.refetch()} onClose={onClose}>
      {story.data && <Body story={story.data} onOpen={onOpen} />}
    </DetailDrawer>
  );
}

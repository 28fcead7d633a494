import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PartTable } from "../../components/PartTable";
import { RunMark } from "../../components/State";
import { useNow } from "../../components/Time";
import { heard } from "../../i18n/heard";
import { markOf, seconds, span, timeline } from "./format";
import { Place } from "./Place";
import { TASK_WORDS } from "./texts";
import type { TaskStory } from "./types";

const TICK_MS = 1_000;

/** Where it was tried, when, and how each attempt ended. */
export function Attempts({ story }: { story: TaskStory }) {
  const { t } = useTranslation(TASK_WORDS);
  const now = useNow(story.task.ended_at ? null : TICK_MS);
  const bars = timeline(story.task.submitted_at, story.task.ended_at, story.attempts, now);
  const rows = story.attempts.map((one, at) => {
    const bar = bars[at] ?? { left: 0, waits: 0, runs: 0 };
    const waited = seconds(one.sent_at, one.started_at ?? one.ended_at, now) ?? 0;
    const took = seconds(one.started_at, one.ended_at, now);
    const end = one.end || (one.started_at ? "runs" : "waits");
    const isTold = story.error !== null && at === story.attempts.length - 1;
    return [
      one.number,
      <span key="node">
        <Place place={one.node} />
        {one.worker > 0 && (
          <Text span size="xs" c="dimmed">
            {" "}
            {one.worker}
          </Text>
        )}
      </span>,
      <span key="bar" className="task-bar" role="img" aria-label={t("timeline")}>
        <span data-waits style={{ left: `${bar.left}%`, width: `${bar.waits}%` }} />
        {one.started_at && <span style={{ left: `${bar.left + bar.waits}%`, width: `${bar.runs}%` }} />}
      </span>,
      span(waited),
      took === null ? "–" : span(took),
      <span key="end">
        <RunMark state={markOf(end)} text={t(`state.${end}`)} />
        {one.why && !isTold && (
          <Text size="xs" c="dimmed">
            {heard(one.why)}
          </Text>
        )}
      </span>,
    ];
  });
  const heads = [t("columns.number"), t("columns.node"), t("columns.line"), t("columns.waited"), t("columns.took"), t("columns.end")];
  return (
    <div>
      <PartTable title={t("parts.attempts")} heads={heads} rows={rows} empty={t("parts.noAttempts")} />
      {story.attempts_left_out > 0 && (
        <Text size="xs" c="dimmed" mt={4}>
          {t("leftOut", { count: story.attempts_left_out })}
        </Text>
      )}
    </div>
  );
}

import { useTranslation } from "react-i18next";
import { RunMark } from "../../components/State";
import { markOf } from "./format";
import { TASK_WORDS } from "./texts";
import { type StateCounts, TASK_STATES, type TaskState } from "./types";

interface StatesProps {
  counts: StateCounts;
  total: number;
  chosen: "" | TaskState;
  onChoose: (state: "" | TaskState) => void;
}

/** How many tasks there are in each state, each a way to see these alone. */
export function States({ counts, total, chosen, onChoose }: StatesProps) {
  const { t, i18n } = useTranslation(TASK_WORDS);
  const format = new Intl.NumberFormat(i18n.language);
  const shown = TASK_STATES.filter((state) => counts[state] > 0 || state === chosen || state === "waits" || state === "runs" || state === "done");
  return (
    <div className="task-states" role="group" aria-label={t("states")}>
      <button type="button" aria-pressed={!chosen} onClick={() => onChoose("")}>
        {t("all")} <span>{format.format(total)}</span>
      </button>
      {shown.map((state) => (
        <button key={state} type="button" aria-pressed={state === chosen} onClick={() => onChoose(state === chosen ? "" : state)}>
          <RunMark state={markOf(state)} text={t(`state.${state}`)} size={14} /> <span>{format.format(counts[state] ?? 0)}</span>
        </button>
      ))}
    </div>
  );
}

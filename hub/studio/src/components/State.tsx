import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheckFilled,
  IconCircleX,
  IconClockExclamation,
  IconClockX,
  IconHourglass,
  IconInfoCircle,
  IconLoader,
  IconPlayerStopFilled,
  IconSquareCheck,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { NodeState, RunState, Severity } from "../api/types";

const ICONS = {
  online: IconCircleCheckFilled,
  stale: IconClockExclamation,
  expired: IconClockX,
  offline: IconCircleX,
  pending: IconHourglass,
  denied: IconBan,
} as const;

/** A state is always icon, colour and word together. */
export function StateMark({ state }: { state: NodeState }) {
  const { t } = useTranslation();
  const Icon = ICONS[state] ?? IconInfoCircle;
  return (
    <span className="state" style={{ color: `var(--edge-${state})` }}>
      <Icon size={16} aria-hidden />
      {t(`state.${state}`)}
    </span>
  );
}

const RUNS = {
  running: { Icon: IconCircleCheckFilled, colour: "online" },
  starting: { Icon: IconLoader, colour: "pending" },
  waiting: { Icon: IconHourglass, colour: "stale" },
  failed: { Icon: IconCircleX, colour: "offline" },
  finished: { Icon: IconSquareCheck, colour: "denied" },
  stopped: { Icon: IconPlayerStopFilled, colour: "denied" },
} as const;

export function runColour(state: RunState): string {
  return `var(--edge-${(RUNS[state] ?? RUNS.stopped).colour})`;
}

/** The state of a deployment or of one of its filters. */
export function RunMark({ state, text, size = 16 }: { state: RunState; text?: string; size?: number }) {
  const { t } = useTranslation();
  const { Icon } = RUNS[state] ?? RUNS.stopped;
  return (
    <span className="state" style={{ color: runColour(state) }}>
      <Icon size={size} aria-hidden />
      {text ?? t(`run.${state}`, { defaultValue: state })}
    </span>
  );
}

const SEVERITIES = {
  info: { Icon: IconInfoCircle, colour: "var(--mantine-color-dimmed)" },
  warning: { Icon: IconAlertTriangle, colour: "var(--edge-stale)" },
  alarm: { Icon: IconCircleX, colour: "var(--edge-offline)" },
} as const;

export function SeverityMark({ severity }: { severity: Severity }) {
  const { t } = useTranslation();
  const { Icon, colour } = SEVERITIES[severity] ?? SEVERITIES.info;
  return <Icon size={17} color={colour} role="img" aria-label={t(`severity.${severity}`)} />;
}

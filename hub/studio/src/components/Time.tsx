import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "3 minutes ago" in the page's language; `at` and `now` in milliseconds since 1970. */
export function relative(at: number, now: number, language: string): string {
  const seconds = Math.round((at - now) / 1000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(0, "second");
}

/** The time, which goes on every so often; null: it stands still, for what has ended. */
export function useNow(everyMs: number | null): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (everyMs === null) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function Ago({ at }: { at: string }) {
  const { i18n } = useTranslation();
  const now = useNow(10_000);
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return <>{at}</>;
  const exact = moment.toLocaleString(i18n.language);
  return (
    <time dateTime={at} title={exact} style={{ whiteSpace: "nowrap" }}>
      {relative(moment.getTime(), Math.max(now, moment.getTime()), i18n.language)}
    </time>
  );
}

/** A moment that may lie ahead: "in 3 days", "2 hours ago". */
export function When({ at }: { at: string }) {
  const { i18n } = useTranslation();
  const now = useNow(10_000);
  const moment = new Date(at);
  return (
    <time dateTime={at} title={moment.toLocaleString(i18n.language)} style={{ whiteSpace: "nowrap" }}>
      {relative(moment.getTime(), now, i18n.language)}
    </time>
  );
}

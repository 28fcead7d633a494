import { useTranslation } from "react-i18next";
import type { HubEvent } from "../api/types";
import { eventText } from "./eventText";
import { SeverityMark } from "./State";
import { Ago } from "./Time";

export function EventList({ events, label }: { events: HubEvent[]; label: string }) {
  // Re-renders when the language changes.
  useTranslation();
  return (
    <ul className="plain" aria-label={label}>
      {events.map((event) => (
        <li key={event.id} className="event">
          <SeverityMark severity={event.severity} />
          <span style={{ overflowWrap: "anywhere" }}>{eventText(event)}</span>
          <span style={{ color: "var(--mantine-color-dimmed)", fontSize: 12 }}>
            <Ago at={event.at} />
          </span>
        </li>
      ))}
    </ul>
  );
}

import { ActionIcon, Popover, Skeleton, Text } from "@mantine/core";
import { IconBell } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useEvents } from "../api/queries";
import { ErrorNotice } from "../components/Notices";
import { EventList } from "../components/Events";

const STORED = "cantor-events-seen-at";

/** Notifications: warnings and alarms newer than the last look count as new. */
export function Bell() {
  const { t } = useTranslation();
  const events = useEvents();
  const [open, setOpen] = useState(false);
  const [seenAt, setSeenAt] = useState(() => Number(localStorage.getItem(STORED) ?? 0));
  const items = events.data?.items ?? [];
  const fresh = items.filter((event) => event.severity !== "info" && Date.parse(event.at) > seenAt).length;
  const change = (next: boolean) => {
    setOpen(next);
    if (!next || !items[0]) return;
    const newest = Math.max(...items.map((event) => Date.parse(event.at)));
    localStorage.setItem(STORED, String(newest));
    setSeenAt(newest);
  };
  return (
    <Popover opened={open} onChange={change} position="bottom-end" width="min(400px, calc(100vw - 20px))" shadow="md" trapFocus>
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={34}
          aria-label={t("bell.open", { count: fresh })}
          title={t("bell.title")}
          onClick={() => change(!open)}
        >
          <IconBell size={18} />
          {fresh > 0 && <span className="bell-dot" aria-hidden />}
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown p={0} aria-label={t("bell.title")}>
        <Text fw={650} size="sm" px="md" pt="sm" pb={6}>
          {t("bell.title")}
        </Text>
        {events.isPending && <Skeleton height={60} m="md" width="auto" />}
        {events.isError && <ErrorNotice error={events.error} onRetry={() => void events.refetch()} />}
        {events.isSuccess && items.length === 0 && (
          <Text c="dimmed" size="sm" px="md" pb="md">
            {t("bell.empty")}
          </Text>
        )}
        <div style={{ maxHeight: 420, overflowY: "auto" }} tabIndex={0} role="group" aria-label={t("bell.title")}>
          <EventList events={items} label={t("bell.title")} />
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

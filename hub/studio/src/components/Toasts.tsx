import "@mantine/notifications/styles.css";
import { type NotificationData, Notifications, notifications } from "@mantine/notifications";

export function show(message: NotificationData): void {
  notifications.show(message);
}

/** The corner in which short messages appear. */
export default function Toasts() {
  return <Notifications position="bottom-right" />;
}

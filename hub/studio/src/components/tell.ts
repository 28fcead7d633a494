import { type NotificationData, notifications } from "@mantine/notifications";
import i18next from "i18next";

/** A short message in the corner; its close button has a name, which the framework's has not. */
export function tell(message: NotificationData): void {
  notifications.show({ closeButtonProps: { "aria-label": i18next.t("action.close") }, ...message });
}

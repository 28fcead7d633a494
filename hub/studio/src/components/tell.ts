import type { NotificationData } from "@mantine/notifications";
import i18next from "i18next";

/** A short message in the corner; its close button has a name, which the framework's has not. */
export function tell(message: NotificationData): void {
  // Messages load after the first page, in the file that shows them.
  void import("./Toasts").then(({ show }) => show({ closeButtonProps: { "aria-label": i18next.t("action.close") }, ...message }));
}

import { Drawer, Skeleton, Stack } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../api/client";
import { ErrorNotice } from "./Notices";

interface DetailDrawerProps {
  title: string;
  /** What is shown of it; while there is nothing, a skeleton or the error is. */
  children: ReactNode;
  error: unknown;
  /** The title of the error where the thing is gone. */
  gone: string;
  onRetry: () => void;
  onClose: () => void;
  /** Its width in pixels. */
  size?: number;
}

/** One thing of a list, opened at the right. */
export function DetailDrawer({ title, children, error, gone, onRetry, onClose, size = 640 }: DetailDrawerProps) {
  const { t } = useTranslation();
  const missing = error instanceof ApiError && error.status === 404;
  return (
    <Drawer opened onClose={onClose} position="right" size={size} title={title} closeButtonProps={{ "aria-label": t("action.close") }}>
      {!children && !error && (
        <Stack aria-hidden>
          <Skeleton height={20} width={160} />
          <Skeleton height={120} />
        </Stack>
      )}
      {!children && Boolean(error) && <ErrorNotice error={error} title={missing ? gone : undefined} onRetry={onRetry} />}
      {children}
    </Drawer>
  );
}

import { Alert, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconAlertCircle, IconRefresh } from "@tabler/icons-react";
import { Component, type ReactNode } from "react";
import { useTranslation, withTranslation, type WithTranslation } from "react-i18next";
import { ApiError } from "../api/client";
import { heard } from "../i18n/heard";

export function useCause(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    // A part of the console itself could not be fetched.
    if (error instanceof TypeError && /import|module/i.test(error.message)) return t("error.unreachable");
    if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
    if (error.unreachable) return t("error.unreachable");
    const words = heard(error.detail) || error.title;
    return error.status === 403 ? `${t("error.forbidden")} ${heard(error.detail)}` : words;
  };
}

interface ErrorNoticeProps {
  error: unknown;
  title?: string;
  onRetry?: () => void;
}

/** What failed, why, and a way to try again. */
export function ErrorNotice({ error, title, onRetry }: ErrorNoticeProps) {
  const { t } = useTranslation();
  const cause = useCause();
  const trace = error instanceof ApiError ? error.traceId : null;
  return (
    <Alert
      role="alert"
      variant="outline"
      color="red"
      icon={<IconAlertCircle />}
      title={title ?? t("error.title")}
      styles={{ title: { color: "var(--mantine-color-error)" }, icon: { color: "var(--mantine-color-error)" } }}
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{cause(error)}</Text>
        {trace && (
          <Text size="xs" c="dimmed" ff="monospace">
            {t("error.trace", { id: trace })}
          </Text>
        )}
        {onRetry && (
          <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={onRetry}>
            {t("action.retry")}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

interface EmptyNoticeProps {
  icon: ReactNode;
  title: string;
  body: string;
  action?: ReactNode;
  /** The level of its heading: 1 where it is all that the page holds. */
  order?: 1 | 2;
}

export function EmptyNotice({ icon, title, body, action, order = 2 }: EmptyNoticeProps) {
  return (
    <Stack align="center" gap="xs" py={56} px="md" ta="center">
      <Text c="dimmed" aria-hidden lh={1}>
        {icon}
      </Text>
      <Title order={order} fz={16}>
        {title}
      </Title>
      <Text c="dimmed" size="sm" maw={420}>
        {body}
      </Text>
      {action && <Group mt="sm">{action}</Group>}
    </Stack>
  );
}

interface BoundaryProps extends WithTranslation {
  children: ReactNode;
}

class Boundary extends Component<BoundaryProps, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    const { t } = this.props;
    return (
      <Stack align="flex-start" p="md">
        <ErrorNotice error={this.state.error} title={t("error.crash")} />
        <Button variant="default" onClick={() => window.location.reload()}>
          {t("error.reload")}
        </Button>
      </Stack>
    );
  }
}

/** Keeps a broken page from taking the whole console with it. */
export const CrashBoundary = withTranslation()(Boundary);

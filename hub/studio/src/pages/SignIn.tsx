import { Alert, Button, Group, Loader, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconClockX, IconInfoCircle } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate, useSearchParams } from "react-router";
import { ApiError, post } from "../api/client";
import { Mark } from "../components/Mark";
import { ErrorNotice } from "../components/Notices";
import { LanguageSwitch, SchemeSwitch } from "../shell/Switches";
import { ticketFrom } from "./ticket";

const EXPIRED = new Set([400, 401, 403, 404, 409, 410]);

/** Take the ticket out of the address, so that neither history nor a reload repeats it. */
function takeTicket(): string | null {
  const { hash } = window.location;
  if (!hash.includes("ticket=")) return null;
  window.history.replaceState(window.history.state, "", window.location.pathname);
  return ticketFrom(hash);
}

function Failure({ error }: { error: unknown }) {
  const { t } = useTranslation();
  if (!(error instanceof ApiError) || !EXPIRED.has(error.status)) {
    return <ErrorNotice error={error} title={t("signIn.failedTitle")} />;
  }
  return (
    <Alert
      role="alert"
      variant="outline"
      color="yellow"
      icon={<IconClockX />}
      title={t("signIn.expiredTitle")}
      styles={{ title: { color: "var(--edge-stale)" }, icon: { color: "var(--edge-stale)" } }}
    >
      {t("signIn.expiredBody")}
    </Alert>
  );
}

function useTicket() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const place = useLocation();
  const from = (place.state as { from?: string } | null)?.from ?? "/";
  const signIn = useMutation({
    mutationFn: (ticket: string) => post<void>("/sign-in", { ticket }),
    onSuccess: () => {
      client.clear();
      void navigate(from, { replace: true });
    },
  });
  const { mutate } = signIn;
  useEffect(() => {
    const read = () => {
      const ticket = takeTicket();
      if (ticket) mutate(ticket);
    };
    read();
    window.addEventListener("hashchange", read);
    return () => window.removeEventListener("hashchange", read);
  }, [mutate]);
  return signIn;
}

export default function SignIn() {
  const { t } = useTranslation();
  const [query] = useSearchParams();
  const signIn = useTicket();
  const [link, setLink] = useState("");
  const [invalid, setInvalid] = useState(false);
  useEffect(() => {
    document.title = t("signIn.title");
  }, [t]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const ticket = ticketFrom(link);
    setInvalid(ticket === null);
    if (ticket !== null) signIn.mutate(ticket);
  };
  return (
    <main className="gate">
      <Stack w="100%" maw={420} gap="lg">
        <Paper className="card" p={28} radius="lg">
          <form onSubmit={submit} noValidate>
            <Stack gap="md">
              <Group gap="sm" wrap="nowrap">
                <Mark size={34} />
                <Title order={1}>{t("signIn.title")}</Title>
              </Group>
              {query.has("ended") && signIn.isIdle && (
                <Alert role="status" variant="outline" color="yellow" icon={<IconClockX />} title={t("signIn.endedTitle")}
                  styles={{ title: { color: "var(--edge-stale)" }, icon: { color: "var(--edge-stale)" } }}
                >
                  {t("signIn.endedBody")}
                </Alert>
              )}
              {query.has("left") && signIn.isIdle && (
                <Alert role="status" variant="light" color="gray" c="var(--mantine-color-text)" icon={<IconInfoCircle />}>
                  {t("signIn.signedOut")}
                </Alert>
              )}
              {signIn.isError && <Failure error={signIn.error} />}
              {signIn.isPending ? (
                <Group gap="sm" role="status" py="md">
                  <Loader size="sm" aria-hidden />
                  <Text size="sm">{t("signIn.working")}</Text>
                </Group>
              ) : (
                <>
                  <Text size="sm" c="dimmed">
                    {t("signIn.intro")}
                  </Text>
                  <TextInput
                    label={t("signIn.paste")}
                    description={t("signIn.pasteHint")}
                    error={invalid ? t("signIn.invalid") : null}
                    value={link}
                    autoComplete="off"
                    spellCheck={false}
                    onChange={(event) => setLink(event.currentTarget.value)}
                  />
                  <Button type="submit" fullWidth>
                    {t("signIn.submit")}
                  </Button>
                </>
              )}
            </Stack>
          </form>
        </Paper>
        <Group justify="center" gap={4}>
          <LanguageSwitch />
          <SchemeSwitch />
        </Group>
      </Stack>
    </main>
  );
}

import { Button, CloseButton, Group, Modal, SegmentedControl, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconBan, IconKey, IconPlus } from "@tabler/icons-react";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { EmptyNotice, ErrorNotice, useCause } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import { tell } from "../../components/tell";
import { useRevokeTokens, useTokens } from "./data";
import { Policy } from "./Policy";
import { addSettingsWords, SETTINGS_WORDS } from "./texts";
import { TokenTable } from "./TokenTable";

addSettingsWords();

/** Says what revoking means, and does it. */
function AskRevoke({ ids, onClose, onDone }: { ids: string[]; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const { t: common } = useTranslation();
  const cause = useCause();
  const revoke = useRevokeTokens();
  const run = () =>
    revoke.mutate(ids, {
      onSuccess: () => {
        tell({ color: "green", message: t("revoked", { count: ids.length }) });
        onDone();
      },
      onError: (error) => tell({ color: "red", title: common("error.action"), message: cause(error) }),
    });
  return (
    <Modal opened onClose={onClose} title={t("revokeTitle", { count: ids.length })} closeButtonProps={{ "aria-label": common("action.close") }}>
      <Text size="sm">{t("revokeBody")}</Text>
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          {common("action.cancel")}
        </Button>
        <Button color="red.9" loading={revoke.isPending} onClick={run}>
          {t("revoke")}
        </Button>
      </Group>
    </Modal>
  );
}

/** The hub lists all tokens; those that still work are picked here, over all of its pages. */
function useRows(isAll: boolean) {
  const tokens = useTokens();
  const { hasNextPage, isFetching, isError, fetchNextPage } = tokens;
  useEffect(() => {
    if (!isAll && hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [isAll, hasNextPage, isFetching, isError, fetchNextPage]);
  const rows = useMemo(() => {
    const found = tokens.data?.pages.flatMap((page) => page.items) ?? [];
    return isAll ? found : found.filter((token) => token.state === "live");
  }, [tokens.data, isAll]);
  return { tokens, rows };
}

function Tokens() {
  const { t } = useTranslation(SETTINGS_WORDS);
  const { t: common } = useTranslation();
  const [query, setQuery] = useSearchParams();
  const isAll = query.get("tokens") === "all";
  const { tokens, rows } = useRows(isAll);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState<string[]>([]);
  const selected = rows.filter((row) => row.state === "live" && chosen.has(row.id)).map((row) => row.id);
  const shown = [
    { value: "live", label: t("live") },
    { value: "all", label: t("all") },
  ];
  const done = () => {
    setAsking([]);
    setChosen(new Set());
  };
  return (
    <Stack component="section" gap="sm" aria-label={t("tokens")}>
      <Group justify="space-between" align="flex-end">
        <div style={{ flex: "1 1 320px" }}>
          <Title order={2}>{t("tokens")}</Title>
          <Text size="sm" c="dimmed" mt={2}>
            {t("about")}
          </Text>
        </div>
        <SegmentedControl size="xs" transitionDuration={0} aria-label={t("only")} data={shown} value={isAll ? "all" : "live"} onChange={(value) => setQuery(value === "all" ? { tokens: "all" } : {}, { replace: true })} />
      </Group>
      {tokens.isPending && <Skeleton height={180} radius={12} />}
      {tokens.isError && rows.length === 0 && <ErrorNotice error={tokens.error} onRetry={() => void tokens.refetch()} />}
      {tokens.isSuccess && rows.length === 0 && (
        <div className="card">
          <EmptyNotice icon={<IconKey size={38} stroke={1.3} />} title={t("emptyTitle")} body={t("emptyBody")} />
        </div>
      )}
      {rows.length > 0 && (
        <>
          <Text size="xs" c="dimmed" role="status">
            {t("count", { count: rows.length })}
          </Text>
          <TokenTable rows={rows} chosen={chosen} onChoose={setChosen} onRevoke={(id) => setAsking([id])} />
        </>
      )}
      {isAll && tokens.hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={tokens.isFetchingNextPage} onClick={() => void tokens.fetchNextPage()}>
            {t("more")}
          </Button>
        </Group>
      )}
      {selected.length > 0 && (
        <section className="card bulk" aria-label={t("region")}>
          <Text size="sm" fw={650} role="status" mr={6}>
            {t("selected", { count: selected.length })}
          </Text>
          <Button size="xs" variant="default" leftSection={<IconBan size={15} />} onClick={() => setAsking(selected)}>
            {t("revoke")}
          </Button>
          <CloseButton aria-label={common("action.clear")} onClick={() => setChosen(new Set())} />
        </section>
      )}
      {asking.length > 0 && <AskRevoke ids={asking} onClose={() => setAsking([])} onDone={done} />}
    </Stack>
  );
}

/** What is decided once: who may come in, and what holds for all nodes. */
export default function Settings() {
  const { t } = useTranslation();
  const { t: words } = useTranslation(SETTINGS_WORDS);
  return (
    <>
      <PageHead title={t("nav.settings")} subtitle={words("subtitle")}>
        <Button component={Link} to="/devices?add=1" style={{ flex: "none" }} leftSection={<IconPlus size={16} />}>
          {t("devices.add")}
        </Button>
      </PageHead>
      <Stack gap={40}>
        <Policy />
        <Tokens />
      </Stack>
    </>
  );
}

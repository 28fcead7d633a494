import { Alert, Button, Group, Modal, NumberInput, Stack, Table, Text } from "@mantine/core";
import { IconAlertTriangle, IconArrowRight } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/client";
import { ErrorNotice } from "../../components/Notices";
import { TableHeads } from "../../components/TableHeads";
import { tell } from "../../components/tell";
import { daysFrom, effectOf, type MeshPolicy, type PolicyNode, STALE_DAYS_MAX, useSetPolicy } from "./policy";
import { SETTINGS_WORDS } from "./texts";

const NAMES_SHOWN = 12;

function Names({ text, nodes, alarms }: { text: string; nodes: PolicyNode[]; alarms: boolean }) {
  const { t } = useTranslation(SETTINGS_WORDS);
  if (nodes.length === 0) return null;
  const names = nodes.map((node) => node.name).sort((a, b) => a.localeCompare(b));
  const left = names.length - NAMES_SHOWN;
  const colour = alarms ? "var(--edge-stale)" : "var(--edge-online)";
  return (
    <Alert variant="outline" color={alarms ? "yellow" : "green"} icon={<IconAlertTriangle />} title={text} styles={{ title: { color: colour }, icon: { color: colour } }}>
      {names.slice(0, NAMES_SHOWN).join(t("policy.comma"))}
      {left > 0 && ` ${t("policy.more", { count: left })}`}
    </Alert>
  );
}

function Difference({ seen, days }: { seen: MeshPolicy; days: number }) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const heads = (["rule", "before", "after"] as const).map((head) => t(`policy.${head}`));
  const wasDefault = seen.revision === 0 ? ` (${t("policy.default")})` : "";
  return (
    <Table aria-label={t("policy.difference")} verticalSpacing={8}>
      <TableHeads heads={heads} />
      <Table.Tbody>
        <Table.Tr>
          <Table.Td>{t("policy.staleDays")}</Table.Td>
          <Table.Td>
            <del>{t("policy.days", { count: seen.stale_days }) + wasDefault}</del>
          </Table.Td>
          <Table.Td>
            <ins>{t("policy.days", { count: days })}</ins>
          </Table.Td>
        </Table.Tr>
      </Table.Tbody>
    </Table>
  );
}

interface ReviewProps {
  seen: MeshPolicy;
  days: number;
  nodes: readonly PolicyNode[];
  onBack: () => void;
  onClose: () => void;
}

/** What would be other than before, and for whom; signed only from here. */
function Review({ seen, days, nodes, onBack, onClose }: ReviewProps) {
  const { t } = useTranslation([SETTINGS_WORDS, "translation"]);
  const set = useSetPolicy();
  const { out, back } = effectOf(nodes, days, Date.now());
  const isLate = set.error instanceof ApiError && set.error.status === 412;
  const sign = () =>
    set.mutate(
      { days, seen },
      {
        onSuccess: () => {
          tell({ color: "green", message: t("policy.done", { count: days }) });
          onClose();
        },
      },
    );
  return (
    <Stack gap="md">
      <Difference seen={seen} days={days} />
      <Names text={t("policy.out", { count: out.length })} nodes={out} alarms />
      <Names text={t("policy.back", { count: back.length })} nodes={back} alarms={false} />
      <Text size="sm">{t("policy.signs")}</Text>
      {set.isError && <ErrorNotice error={set.error} title={t("translation:error.action")} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={isLate ? onClose : onBack} data-autofocus>
          {t(isLate ? "policy.lookAgain" : "policy.goBack")}
        </Button>
        {!isLate && (
          <Button color={out.length > 0 ? "red.9" : undefined} loading={set.isPending} onClick={sign}>
            {t("policy.sign")}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

function Form({ seen, typed, onType, onReview, onClose }: { seen: MeshPolicy; typed: string | number; onType: (typed: string | number) => void; onReview: () => void; onClose: () => void }) {
  const { t } = useTranslation([SETTINGS_WORDS, "translation"]);
  const days = daysFrom(typed);
  const isSame = days === seen.stale_days && seen.revision > 0;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (days !== null && !isSame) onReview();
      }}
    >
      <Stack gap="md">
        <NumberInput
          label={t("policy.staleDays")}
          description={t("policy.range", { max: STALE_DAYS_MAX, default: seen.stale_days_default })}
          suffix={t("policy.suffix")}
          value={typed}
          onChange={onType}
          min={1}
          max={STALE_DAYS_MAX}
          clampBehavior="none"
          allowDecimal={false}
          allowNegative={false}
          error={days === null ? t("policy.wrong", { max: STALE_DAYS_MAX }) : null}
          errorProps={{ role: "alert" }}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("translation:action.cancel")}
          </Button>
          <Button type="submit" disabled={days === null || isSame} rightSection={<IconArrowRight size={16} />}>
            {t("policy.review")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface DialogProps {
  /** What held when the dialog was opened: only that is replaced. */
  seen: MeshPolicy;
  nodes: readonly PolicyNode[];
  onClose: () => void;
}

/** First the new value, then what it changes, and only then a signature. */
export function PolicyDialog({ seen, nodes, onClose }: DialogProps) {
  const { t } = useTranslation([SETTINGS_WORDS, "translation"]);
  const [typed, setTyped] = useState<string | number>(seen.stale_days);
  const [isReview, setReview] = useState(false);
  const days = daysFrom(typed);
  return (
    <Modal opened onClose={onClose} size="lg" title={t(isReview ? "policy.reviewTitle" : "policy.changeTitle")} closeButtonProps={{ "aria-label": t("translation:action.close") }}>
      {isReview && days !== null ? (
        <Review seen={seen} days={days} nodes={nodes} onBack={() => setReview(false)} onClose={onClose} />
      ) : (
        <Form seen={seen} typed={typed} onType={setTyped} onReview={() => setReview(true)} onClose={onClose} />
      )}
    </Modal>
  );
}

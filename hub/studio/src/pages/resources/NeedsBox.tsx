import { Alert, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheckFilled, IconCircleX, IconSearch } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { isReached } from "../../api/types";
import { ErrorNotice } from "../../components/Notices";
import { RowTable } from "../../components/RowTable";
import { heard } from "../../i18n/heard";
import { useNeeds } from "./data";
import { pointed } from "./format";
import { RESOURCE_WORDS } from "./texts";
import type { NeedsAnswer } from "./types";

const EXAMPLE = "GPU = 1 and Memory >= 2GiB";

/** The expression with the sign at which it goes wrong. */
function Place({ text, column }: { text: string; column: number }) {
  const { before, sign, after } = pointed(text, column);
  return (
    <code className="needs-mistake" aria-hidden>
      {before}
      <mark>{sign}</mark>
      {after}
    </code>
  );
}

function Fit({ fits }: { fits: boolean }) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const Icon = fits ? IconCircleCheckFilled : IconCircleX;
  return (
    <span className="state" style={{ color: fits ? "var(--edge-online)" : "var(--mantine-color-dimmed)" }}>
      <Icon size={16} aria-hidden />
      {t(fits ? "fits" : "fitsNot")}
    </span>
  );
}

function Answer({ answer }: { answer: NeedsAnswer }) {
  const { t } = useTranslation([RESOURCE_WORDS, "translation"]);
  const count = answer.nodes.filter((node) => node.fits).length;
  const why = ({ state, why: reason }: NeedsAnswer["nodes"][number]) =>
    isReached(state) ? heard(reason) : t(`translation:state.${state}`);
  return (
    <Stack gap="sm">
      <Text size="sm" fw={600} role="status">
        {t("satisfied", { count, total: answer.nodes.length })}
      </Text>
      {answer.never && (
        <Alert variant="outline" color="yellow" icon={<IconAlertTriangle />} title={t("never")} styles={{ title: { color: "var(--edge-stale)" }, icon: { color: "var(--edge-stale)" } }}>
          {heard(answer.never)}
        </Alert>
      )}
      {answer.hints.map((hint) => (
        <Text key={hint.column} size="xs" c="dimmed">
          {t("hint", { column: hint.column, text: heard(hint.text) })}
        </Text>
      ))}
      {answer.nodes.length > 0 && (
        <RowTable
          title={t("fitTable")}
          heads={(["node", "fits", "why"] as const).map((head) => t(`columns.${head}`))}
          rows={answer.nodes.map((node) => ({
            id: node.id,
            cells: [
              <Link key="node" className="node-name" to={`/devices?node=${encodeURIComponent(node.id)}`}>
                {node.name}
              </Link>,
              <Fit key="fits" fits={node.fits} />,
              <span key="why" style={{ overflowWrap: "anywhere" }}>
                {node.fits ? "" : why(node)}
              </span>,
            ],
          }))}
        />
      )}
    </Stack>
  );
}

interface NeedsBoxProps {
  needs: string;
  /** Changes with what nodes have. */
  version: string;
  onChange: (needs: string) => void;
}

/** Asked on Enter or when the field is left: half an expression is no mistake. */
export function NeedsBox({ needs, version, onChange }: NeedsBoxProps) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const [text, setText] = useState(needs);
  useEffect(() => setText(needs), [needs]);
  const answer = useNeeds(needs, version);
  const mistake = needs ? answer.data?.mistake : null;
  const apply = () => {
    if (text.trim() !== needs) onChange(text.trim());
  };
  return (
    <section className="card needs" aria-label={t("ask")}>
      <Stack gap="md">
        <form
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            apply();
          }}
        >
          <TextInput
            label={t("ask")}
            description={t("askHelp")}
            placeholder={EXAMPLE}
            leftSection={<IconSearch size={16} aria-hidden />}
            value={text}
            autoComplete="off"
            spellCheck={false}
            maxLength={4096}
            error={mistake ? `${t("mistake", { column: mistake.column, what: heard(mistake.what) })} ${heard(mistake.advice)}` : null}
            errorProps={{ role: "alert" }}
            onChange={(event) => setText(event.currentTarget.value)}
            onBlur={apply}
            styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
          />
        </form>
        {needs && answer.isPending && <Skeleton height={60} aria-hidden />}
        {needs && answer.isError && !answer.data && <ErrorNotice error={answer.error} onRetry={() => void answer.refetch()} />}
        {mistake && <Place text={needs} column={mistake.column} />}
        {needs && answer.data && !mistake && <Answer answer={answer.data} />}
      </Stack>
    </section>
  );
}

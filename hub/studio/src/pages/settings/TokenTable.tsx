import { Button, Checkbox, Table, Text } from "@mantine/core";
import { IconAlertTriangle, IconBan, IconCircleCheckFilled, IconClockExclamation, IconSquareCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { LabelChips } from "../../components/Chips";
import { Ago, When } from "../../components/Time";
import { makerOf, type Token, type TokenState } from "./data";
import { SETTINGS_WORDS } from "./texts";

const MARKS = {
  live: { Icon: IconCircleCheckFilled, colour: "online" },
  used: { Icon: IconSquareCheck, colour: "denied" },
  expired: { Icon: IconClockExclamation, colour: "denied" },
  revoked: { Icon: IconBan, colour: "denied" },
  stolen: { Icon: IconAlertTriangle, colour: "offline" },
} as const;

function TokenMark({ state }: { state: TokenState }) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const { Icon, colour } = MARKS[state];
  return (
    <span className="state" style={{ color: `var(--edge-${colour})` }}>
      <Icon size={16} aria-hidden />
      {t(`state.${state}`)}
    </span>
  );
}

function Made({ token }: { token: Token }) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const maker = makerOf(token.created_by);
  return (
    <>
      <Ago at={token.created_at} />
      {maker && (
        <Text span display="block" size="xs" c="dimmed">
          {t(maker.isLocal ? "byLocal" : "by", { name: maker.name })}
        </Text>
      )}
    </>
  );
}

interface RowProps {
  token: Token;
  chosen: boolean;
  onToggle: (id: string, chosen: boolean) => void;
  onRevoke: (id: string) => void;
}

function Row({ token, chosen, onToggle, onRevoke }: RowProps) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const { id } = token;
  const isLive = token.state === "live";
  return (
    <Table.Tr bg={chosen ? "var(--edge-accent-soft)" : undefined} style={{ cursor: "default" }}>
      <Table.Td w={40}>
        {isLive && <Checkbox size="xs" aria-label={t("select", { id })} checked={chosen} onChange={(event) => onToggle(id, event.currentTarget.checked)} />}
      </Table.Td>
      <Table.Td>
        <TokenMark state={token.state} />
        {token.thefts > 0 && (
          <Text span display="block" size="xs" c="dimmed">
            {t("thefts", { count: token.thefts })}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <code>{id}</code>
        {token.replaces && (
          <Text span display="block" size="xs" c="dimmed" title={token.replaces}>
            {t("replaces", { node: token.replaces.slice(0, 8) })}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        {Object.keys(token.labels).length > 0 ? (
          <LabelChips labels={token.labels} limit={3} />
        ) : (
          <Text span size="sm" c="dimmed">
            {t("noLabels")}
          </Text>
        )}
      </Table.Td>
      <Table.Td style={{ whiteSpace: "nowrap" }}>{t("uses", { uses: token.uses, max: token.max_uses })}</Table.Td>
      <Table.Td>{t(token.approval)}</Table.Td>
      <Table.Td>
        <When at={token.expires_at} />
      </Table.Td>
      <Table.Td>
        <Made token={token} />
      </Table.Td>
      <Table.Td ta="right">
        {isLive && (
          <Button size="compact-xs" variant="default" aria-label={t("revokeOne", { id })} onClick={() => onRevoke(id)}>
            {t("revoke")}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

interface TableProps {
  rows: Token[];
  chosen: ReadonlySet<string>;
  onChoose: (update: (before: ReadonlySet<string>) => ReadonlySet<string>) => void;
  onRevoke: (id: string) => void;
}

export function TokenTable({ rows, chosen, onChoose, onRevoke }: TableProps) {
  const { t } = useTranslation(SETTINGS_WORDS);
  const usable = rows.filter((row) => row.state === "live");
  const count = usable.filter((row) => chosen.has(row.id)).length;
  const toggle = (id: string, on: boolean) => onChoose((before) => new Set(on ? [...before, id] : [...before].filter((one) => one !== id)));
  const heads = ["state", "token", "labels", "uses", "approval", "expires", "made"] as const;
  return (
    <div className="card" style={{ overflow: "hidden" }}>
      <Table.ScrollContainer minWidth={820} type="native">
        <Table className="nodes" verticalSpacing={7} horizontalSpacing="sm" aria-label={t("tokens")}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={40}>
                <Checkbox
                  size="xs"
                  aria-label={t("selectAll")}
                  disabled={usable.length === 0}
                  checked={count > 0 && count === usable.length}
                  indeterminate={count > 0 && count < usable.length}
                  onChange={(event) => {
                    const all = event.currentTarget.checked;
                    onChoose(() => new Set(all ? usable.map((row) => row.id) : []));
                  }}
                />
              </Table.Th>
              {heads.map((head) => (
                <Table.Th key={head}>{t(`columns.${head}`)}</Table.Th>
              ))}
              <Table.Td />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row key={row.id} token={row} chosen={chosen.has(row.id)} onToggle={toggle} onRevoke={onRevoke} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </div>
  );
}

/** Says that the mesh fell apart, and which nodes each side holds. */
import { Alert, Stack, Text } from "@mantine/core";
import { IconUnlink } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useSideName } from "./Panel";
import { isSplit, type Side } from "./sides";
import { MESH_WORDS } from "./texts";

const NAMES_SHOWN = 12;

export function SplitNotice({ sides }: { sides: readonly Side[] }) {
  const { t } = useTranslation(MESH_WORDS);
  const sideName = useSideName();
  const real = sides.filter((side) => side.part !== null);
  if (!isSplit(sides)) return null;
  return (
    <Alert
      role="status"
      variant="outline"
      color="red"
      icon={<IconUnlink />}
      title={t("split.title", { count: real.length })}
      styles={{ title: { color: "var(--edge-offline)" }, icon: { color: "var(--edge-offline)" } }}
    >
      <Stack gap={6}>
        <Text size="sm">{t("split.body")}</Text>
        <ul className="plain mesh-sides">
          {real.map((side) => {
            const names = side.nodes.map((node) => node.name).sort((a, b) => a.localeCompare(b));
            const left = names.length - NAMES_SHOWN;
            return (
              <li key={side.part}>
                <b>
                  {sideName(side.part)} ({t("split.count", { count: names.length })})
                </b>{" "}
                {names.slice(0, NAMES_SHOWN).join(t("comma"))}
                {left > 0 && ` ${t("split.more", { count: left })}`}
              </li>
            );
          })}
        </ul>
      </Stack>
    </Alert>
  );
}

import { ActionIcon, Text, TextInput } from "@mantine/core";
import { IconFilter, IconX } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

interface FilterBoxProps {
  filter: string;
  error: string | undefined;
  onChange: (filter: string) => void;
}

/** The filter is applied on Enter or when the field is left: half an expression is no error. */
export function FilterBox({ filter, error, onChange }: FilterBoxProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  const apply = () => {
    if (text.trim() !== filter) onChange(text.trim());
  };
  return (
    <form
      role="search"
      style={{ flex: "1 1 320px" }}
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <TextInput
        label={t("devices.filter")}
        placeholder={t("devices.filterPlaceholder")}
        leftSection={<IconFilter size={16} aria-hidden />}
        value={text}
        autoComplete="off"
        spellCheck={false}
        maxLength={512}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={apply}
        error={error ? t("devices.filterWrong", { error }) : null}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
        rightSection={
          text ? (
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("devices.clearFilter")}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => {
                setText("");
                onChange("");
              }}
            >
              <IconX size={15} />
            </ActionIcon>
          ) : null
        }
      />
      <Text size="xs" c="dimmed" mt={5}>
        {t("devices.filterHelp")}
      </Text>
    </form>
  );
}

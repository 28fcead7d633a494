import { ActionIcon, Menu, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconCheck, IconLanguage, IconMoon, IconSun } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { chooseLanguage, LANGUAGES } from "../i18n";

export function LanguageSwitch() {
  const { t, i18n } = useTranslation();
  return (
    <Menu position="bottom-end" width={150} withinPortal={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size={34} aria-label={t("preferences.language")} title={t("preferences.language")}>
          <IconLanguage size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown aria-label={t("preferences.language")}>
        {LANGUAGES.map(({ code, name }) => (
          <Menu.Item
            key={code}
            lang={code}
            aria-current={i18n.language === code ? "true" : undefined}
            rightSection={i18n.language === code ? <IconCheck size={14} aria-hidden /> : null}
            onClick={() => void chooseLanguage(code)}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function useSchemeToggle() {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("dark");
  const label = scheme === "dark" ? t("preferences.toLight") : t("preferences.toDark");
  return { scheme, label, toggle: () => setColorScheme(scheme === "dark" ? "light" : "dark") };
}

export function SchemeSwitch() {
  const { scheme, label, toggle } = useSchemeToggle();
  return (
    <ActionIcon variant="subtle" color="gray" size={34} aria-label={label} title={label} onClick={toggle}>
      {scheme === "dark" ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "./en";
import { zh } from "./zh";

export const LANGUAGES = [
  { code: "en", name: "English" },
  { code: "zh", name: "中文" },
] as const;
export type Language = (typeof LANGUAGES)[number]["code"];

const STORED = "cantor-language";

function initial(): Language {
  const stored = localStorage.getItem(STORED);
  if (stored === "en" || stored === "zh") return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

function show(language: string): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

export function chooseLanguage(language: Language): void {
  localStorage.setItem(STORED, language);
  void i18next.changeLanguage(language);
}

i18next.on("languageChanged", show);
void i18next.use(initReactI18next).init({
  resources: { en: { translation: en }, zh: { translation: zh } },
  lng: initial(),
  fallbackLng: "en",
  initAsync: false,
  // React escapes what it renders.
  interpolation: { escapeValue: false },
});

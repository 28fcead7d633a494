import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { teach } from "./heard";

export const LANGUAGES = [
  { code: "en", name: "English" },
  { code: "zh", name: "中文" },
] as const;
export type Language = (typeof LANGUAGES)[number]["code"];

const STORED = "cantor-language";

// Each language is a file of its own: nobody loads the texts that they do not read.
async function load(language: Language): Promise<void> {
  if (i18next.hasResourceBundle(language, "translation")) return;
  const texts = language === "zh" ? (await import("./zh")).zh : (await import("./en")).en;
  i18next.addResourceBundle(language, "translation", texts);
}

/** What the hub and the nodes say comes later: the first page can be drawn without it. */
async function loadHeard(language: string): Promise<void> {
  if (language !== "zh") return;
  const { heardZh } = await import("./heard.zh");
  teach(language, heardZh);
  // Whatever was drawn before is drawn anew.
  if (i18next.language === language) i18next.emit("languageChanged", language);
}

function initial(): Language {
  const stored = localStorage.getItem(STORED);
  if (stored === "en" || stored === "zh") return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

function show(language: string): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

export async function chooseLanguage(language: Language): Promise<void> {
  await load(language);
  void loadHeard(language);
  localStorage.setItem(STORED, language);
  await i18next.changeLanguage(language);
}

/** Resolves when the page can be drawn in its language. */
export async function startLanguage(): Promise<void> {
  const language = initial();
  await i18next.use(initReactI18next).init({
    resources: {},
    lng: language,
    fallbackLng: false,
    // React escapes what it renders.
    interpolation: { escapeValue: false },
  });
  await load(language);
  show(language);
  i18next.on("languageChanged", show);
  void loadHeard(language);
}

import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const accent: MantineColorsTuple = [
  "#eef0ff", "#dcdffb", "#b6bdf3", "#8e98ec", "#6d79e6", "#5666e2", "#4a5ae1", "#4353d9", "#3746b8", "#2b389a",
];
const dark: MantineColorsTuple = [
  "#e6e9ef", "#c5cbd6", "#a0a9b8", "#8791a1", "#3a4352", "#2a313d", "#1c222b", "#12161c", "#0d1015", "#090b0f",
];

export const FONT =
  '"Inter", "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", ' +
  '"Microsoft YaHei", "WenQuanYi Micro Hei", sans-serif';
const MONO =
  'ui-monospace, "SF Mono", "Cascadia Mono", "Noto Sans Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace';

const DIALOG_TITLE = { fontWeight: 650, fontSize: 16, overflowWrap: "anywhere" } as const;

export const theme = createTheme({
  primaryColor: "accent",
  primaryShade: { light: 7, dark: 7 },
  colors: { accent, dark },
  fontFamily: FONT,
  fontFamilyMonospace: MONO,
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "20px" },
  headings: { fontFamily: FONT, fontWeight: "650", sizes: { h1: { fontSize: "20px" }, h2: { fontSize: "14px" } } },
  components: {
    // The placeholder that takes the first focus is no menu item; the first item takes it instead.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    // A <header> in a dialog would count as a second banner of the page.
    Drawer: { defaultProps: { transitionProps: { duration: 120 }, attributes: { header: { role: "presentation" } } }, styles: { title: DIALOG_TITLE } },
    Modal: { defaultProps: { transitionProps: { duration: 100 }, attributes: { header: { role: "presentation" } }, centered: true }, styles: { title: DIALOG_TITLE } },
  },
});

// The framework's grey for secondary text misses 4.5:1 on white, so both schemes get their own.
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#56606f",
    "--mantine-color-placeholder": "#667080",
    "--mantine-color-error": "#c42a2a",
    "--mantine-color-body": "#ffffff",
    "--mantine-color-default-border": "#dfe3e9",
    "--edge-canvas": "#f6f7f9",
    "--edge-card": "#ffffff",
    "--edge-hover": "#f1f3f7",
    "--edge-line": "#e3e6ec",
    "--edge-accent-text": "#3746b8",
    "--edge-accent-soft": "#eceefc",
    "--edge-online": "#15793c",
    "--edge-stale": "#8f5a00",
    "--edge-expired": "#9a3d12",
    "--edge-offline": "#b42525",
    "--edge-pending": "#3746b8",
    "--edge-denied": "#56606f",
  },
  dark: {
    "--mantine-color-dimmed": "#a0a9b8",
    "--mantine-color-placeholder": "#8791a1",
    "--mantine-color-error": "#ff8f8f",
    "--mantine-color-default-border": "#2a313d",
    "--edge-canvas": "#0d1015",
    "--edge-card": "#12161c",
    "--edge-hover": "#191f27",
    "--edge-line": "#232a34",
    "--edge-accent-text": "#b6bdf3",
    "--edge-accent-soft": "#20264a",
    "--edge-online": "#5dd58a",
    "--edge-stale": "#f0b647",
    "--edge-expired": "#ffa274",
    "--edge-offline": "#ff8f8f",
    "--edge-pending": "#a9b2f7",
    "--edge-denied": "#a0a9b8",
  },
});

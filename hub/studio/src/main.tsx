import "@mantine/core/styles.css";
import "./styles.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { lazy, StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App, makeQueryClient } from "./App";
import { CrashBoundary } from "./components/Notices";
import { startLanguage } from "./i18n";
import { theme, variables } from "./theme";

const Toasts = lazy(() => import("./components/Toasts"));
const schemes = localStorageColorSchemeManager({ key: "cantor-color-scheme" });
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root element");

await startLanguage();
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      colorSchemeManager={schemes}
      defaultColorScheme="auto"
    >
      <Suspense fallback={null}>
        <Toasts />
      </Suspense>
      <QueryClientProvider client={makeQueryClient()}>
        <BrowserRouter>
          <CrashBoundary>
            <App />
          </CrashBoundary>
        </BrowserRouter>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);

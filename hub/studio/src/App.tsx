import { Button, Skeleton, Stack } from "@mantine/core";
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { IconCompass } from "@tabler/icons-react";
import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link, Navigate, Outlet, Route, Routes, useLocation } from "react-router";
import { ApiError } from "./api/client";
import { rememberSignedIn, wasSignedIn } from "./api/signedIn";
import { LiveProvider } from "./api/live";
import { keys, useSession } from "./api/queries";
import { EmptyNotice, ErrorNotice } from "./components/Notices";
import { Shell } from "./shell/Shell";

const parts = {
  Overview: () => import("./pages/Overview"),
  Devices: () => import("./pages/devices/Devices"),
  Resources: () => import("./pages/resources/Resources"),
  Services: () => import("./pages/services/Services"),
  Tasks: () => import("./pages/tasks/Tasks"),
  Pipelines: () => import("./pages/pipelines/Pipelines"),
  DeploymentPage: () => import("./pages/pipelines/DeploymentPage"),
  LivePage: () => import("./pages/live/LivePage"),
  Settings: () => import("./pages/settings/Settings"),
};
const Overview = lazy(parts.Overview);
const Devices = lazy(parts.Devices);
const Mesh = lazy(() => import("./pages/mesh/Mesh"));
const Resources = lazy(parts.Resources);
const Services = lazy(parts.Services);
const Tasks = lazy(parts.Tasks);
const Pipelines = lazy(parts.Pipelines);
const DeploymentPage = lazy(parts.DeploymentPage);
const LivePage = lazy(parts.LivePage);
const Settings = lazy(parts.Settings);
const SignIn = lazy(() => import("./pages/SignIn"));
const FETCH_REST_AFTER_MS = 1_500;

/** Fetches the other pages once the first is drawn, so that they open also while the hub is away. */
function useOtherPages(): void {
  useEffect(() => {
    const timer = setTimeout(() => {
      // One that fails is asked for again when somebody opens it.
      for (const part of [...Object.values(parts), () => import("./shell/Palette")]) part().catch(() => undefined);
    }, FETCH_REST_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
}

/** Repeats only what may heal by itself, and asks for the session again when one call says 401. */
export function makeQueryClient(): QueryClient {
  const look = (error: Error) => {
    if (error instanceof ApiError && error.status === 401) void client.invalidateQueries({ queryKey: keys.session });
  };
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        if (query.queryKey[0] !== keys.session[0]) look(error);
      },
    }),
    mutationCache: new MutationCache({ onError: look }),
    defaultOptions: {
      queries: {
        networkMode: "always",
        staleTime: 5_000,
        retry: (count, error) => count < 1 && error instanceof ApiError && error.unreachable,
      },
      mutations: { networkMode: "always" },
    },
  });
  return client;
}

export function PageSkeleton() {
  return (
    <Stack aria-hidden>
      <Skeleton height={26} width={180} />
      <Skeleton height={90} />
      <Skeleton height={220} />
    </Stack>
  );
}

function NotFound() {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = `${t("notFound.title")} · ${t("product")}`;
  }, [t]);
  const back = (
    <Button component={Link} to="/">
      {t("notFound.back")}
    </Button>
  );
  return <EmptyNotice order={1} icon={<IconCompass size={36} />} title={t("notFound.title")} body={t("notFound.body")} action={back} />;
}

function SignedIn() {
  const session = useSession();
  useOtherPages();
  const place = useLocation();
  const known = session.data !== undefined;
  useEffect(() => {
    if (known) rememberSignedIn(true);
  }, [known]);
  if (session.error instanceof ApiError && session.error.status === 401) {
    return <Navigate to={wasSignedIn() ? "/sign-in?ended=1" : "/sign-in"} replace state={{ from: place.pathname + place.search }} />;
  }
  if (session.isError && !session.data) {
    return (
      <main className="gate">
        <ErrorNotice error={session.error} onRetry={() => void session.refetch()} />
      </main>
    );
  }
  if (!session.data) {
    return (
      <main style={{ padding: 32 }} aria-busy>
        <PageSkeleton />
      </main>
    );
  }
  return (
    <LiveProvider scope={`${session.data.tenant.id}/${session.data.project.id}`}>
      <Shell session={session.data}>
        <Suspense fallback={<PageSkeleton />}>
          <Outlet />
        </Suspense>
      </Shell>
    </LiveProvider>
  );
}

export function App() {
  return (
    <Suspense fallback={null}>
      <Routes>
        <Route path="/sign-in" element={<SignIn />} />
        <Route element={<SignedIn />}>
          <Route index element={<Overview />} />
          <Route path="devices" element={<Devices />} />
          <Route path="mesh" element={<Mesh />} />
          <Route path="resources" element={<Resources />} />
          <Route path="services" element={<Services />} />
          <Route path="tasks" element={<Tasks />} />
          <Route path="pipelines" element={<Pipelines />} />
          <Route path="pipelines/:id" element={<DeploymentPage />} />
          <Route path="live" element={<LivePage />} />
          <Route path="settings" element={<Settings />} />
          <Route path="*" element={<NotFound />} />
        </Route>
      </Routes>
    </Suspense>
  );
}

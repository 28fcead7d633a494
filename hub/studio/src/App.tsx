import { Button, Skeleton, Stack } from "@mantine/core";
import { QueryCache, QueryClient } from "@tanstack/react-query";
import { IconCompass } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Link, Navigate, Outlet, Route, Routes, useLocation } from "react-router";
import { ApiError } from "./api/client";
import { LiveProvider } from "./api/live";
import { keys, useSession } from "./api/queries";
import { EmptyNotice, ErrorNotice } from "./components/Notices";
import { Shell } from "./shell/Shell";

const Overview = lazy(() => import("./pages/Overview"));
const Devices = lazy(() => import("./pages/devices/Devices"));
const Pipelines = lazy(() => import("./pages/pipelines/Pipelines"));
const DeploymentPage = lazy(() => import("./pages/pipelines/DeploymentPage"));
const LivePage = lazy(() => import("./pages/live/LivePage"));
const SignIn = lazy(() => import("./pages/SignIn"));

/** Repeats only what may heal by itself, and asks for the session again when one call says 401. */
export function makeQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== keys.session[0]) {
          void client.invalidateQueries({ queryKey: keys.session });
        }
      },
    }),
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
  const back = (
    <Button component={Link} to="/">
      {t("notFound.back")}
    </Button>
  );
  return <EmptyNotice icon={<IconCompass size={36} />} title={t("notFound.title")} body={t("notFound.body")} action={back} />;
}

function SignedIn() {
  const session = useSession();
  const place = useLocation();
  if (session.error instanceof ApiError && session.error.status === 401) {
    return <Navigate to="/sign-in" replace state={{ from: place.pathname + place.search }} />;
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
          <Route path="pipelines" element={<Pipelines />} />
          <Route path="pipelines/:id" element={<DeploymentPage />} />
          <Route path="live" element={<LivePage />} />
          <Route path="*" element={<NotFound />} />
        </Route>
      </Routes>
    </Suspense>
  );
}

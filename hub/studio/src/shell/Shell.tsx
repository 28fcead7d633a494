import { Alert, Group, Kbd, Menu, Text, UnstyledButton } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import {
  IconDeviceCctv,
  IconLayoutDashboard,
  IconLayoutSidebarLeftCollapse,
  IconLayoutSidebarLeftExpand,
  IconLogout,
  IconListCheck,
  IconPackages,
  IconPlugConnectedX,
  IconSchema,
  IconSearch,
  IconServer2,
  IconSettings,
  IconStack2,
  IconTopologyStar3,
} from "@tabler/icons-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { NavLink, useLocation, useNavigate } from "react-router";
import { useLive } from "../api/live";
import { rememberSignedIn } from "../api/signedIn";
import { useSignOut } from "../api/queries";
import type { Session } from "../api/types";
import { Mark } from "../components/Mark";
import { CrashBoundary, useCause } from "../components/Notices";
import { relative, useNow } from "../components/Time";
import { Bell } from "./Bell";
import { Scope } from "./Scope";
import { LanguageSwitch, SchemeSwitch } from "./Switches";
import { tell } from "../components/tell";

const Palette = lazy(() => import("./Palette"));
const NARROW = "cantor-rail-narrow";
const APPLE = /Mac|iP(hone|ad)/.test(navigator.userAgent);

function Rail() {
  const { t } = useTranslation();
  const [narrow, setNarrow] = useState(() => localStorage.getItem(NARROW) === "1");
  const toggle = () => {
    localStorage.setItem(NARROW, narrow ? "0" : "1");
    setNarrow(!narrow);
  };
  const pages = [
    { to: "/", text: t("nav.overview"), Icon: IconLayoutDashboard },
    { to: "/devices", text: t("nav.devices"), Icon: IconServer2 },
    { to: "/mesh", text: t("nav.mesh"), Icon: IconTopologyStar3 },
    { to: "/resources", text: t("nav.resources"), Icon: IconStack2 },
    { to: "/services", text: t("nav.services"), Icon: IconPackages },
    { to: "/tasks", text: t("nav.tasks"), Icon: IconListCheck },
    { to: "/pipelines", text: t("nav.pipelines"), Icon: IconSchema },
    { to: "/live", text: t("nav.live"), Icon: IconDeviceCctv },
    { to: "/settings", text: t("nav.settings"), Icon: IconSettings },
  ];
  const Fold = narrow ? IconLayoutSidebarLeftExpand : IconLayoutSidebarLeftCollapse;
  const fold = narrow ? t("nav.expand") : t("nav.collapse");
  return (
    <nav className="rail" data-narrow={narrow || undefined} aria-label={t("nav.label")}>
      <div className="brand">
        <Mark />
        {!narrow && <span className="rail-text">{t("product")}</span>}
      </div>
      {pages.map(({ to, text, Icon }) => (
        <NavLink key={to} to={to} end={to === "/"} className="rail-link" aria-label={text} title={narrow ? text : undefined}>
          <Icon size={19} stroke={1.7} aria-hidden />
          {!narrow && <span className="rail-text">{text}</span>}
        </NavLink>
      ))}
      <button type="button" className="rail-link rail-foot wide" onClick={toggle} aria-label={fold} title={fold}>
        <Fold size={19} stroke={1.7} aria-hidden />
        {!narrow && <span className="rail-text">{t("nav.collapse")}</span>}
      </button>
    </nav>
  );
}

function UserMenu({ session }: { session: Session }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = useSignOut();
  const cause = useCause();
  const leave = () =>
    signOut.mutate(undefined, {
      onSuccess: () => {
        rememberSignedIn(false);
        client.clear();
        void navigate("/sign-in?left=1");
      },
      onError: (error) => tell({ color: "red", title: t("error.action"), message: cause(error) }),
    });
  const initials = [...session.user.name].slice(0, 2).join("").toUpperCase();
  // The name begins with the letters shown, so that a person who speaks them finds the button.
  const label = `${initials}, ${t("user.menu", { name: session.user.name })}`;
  return (
    <Menu position="bottom-end" width={220} withinPortal={false}>
      <Menu.Target>
        <UnstyledButton aria-label={label} style={{ borderRadius: 20 }}>
          <span className="avatar" aria-hidden>
            {initials}
          </span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div style={{ padding: "8px 12px", fontSize: 13 }} role="presentation">
          <Text fw={650} size="sm">
            {session.user.name}
          </Text>
          <Text c="dimmed" size="xs">
            {session.user.role} · {t("user.mesh")} {session.mesh} · {session.version}
          </Text>
        </div>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={leave}>
          {t("user.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

const DOTS = { live: "var(--edge-online)", connecting: "var(--edge-stale)", lost: "var(--edge-offline)" } as const;

function LiveMark() {
  const { t } = useTranslation();
  const { state } = useLive();
  return (
    <Group gap={7} wrap="nowrap" role="status" mr={4}>
      <span className="dot" style={{ background: DOTS[state] }} aria-hidden />
      <Text size="xs" c="dimmed" className="wide">
        {t(`live.${state}`)}
      </Text>
    </Group>
  );
}

function OfflineBanner() {
  const { t, i18n } = useTranslation();
  const { state, heardAt } = useLive();
  const now = useNow(5_000);
  if (state !== "lost") return null;
  const ago = relative(heardAt, Math.max(now, heardAt), i18n.language);
  return (
    <Alert role="alert" variant="outline" color="yellow" mb="md" icon={<IconPlugConnectedX />}
      styles={{ icon: { color: "var(--edge-stale)" }, title: { color: "var(--edge-stale)" } }}
      title={t("live.offlineTitle")}
    >
      {t("live.offlineBody", { ago })}
    </Alert>
  );
}

export function Shell({ session, children }: { session: Session; children: ReactNode }) {
  const { t } = useTranslation();
  const [palette, setPalette] = useState(false);
  const { pathname } = useLocation();
  useHotkeys([["mod+K", () => setPalette((open) => !open)]], []);
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {t("skip")}
      </a>
      <Rail />
      <div className="stage">
        <header className="top">
          <Scope session={session} />
          <button type="button" className="search" onClick={() => setPalette(true)} aria-haspopup="dialog">
            <IconSearch size={16} aria-hidden />
            <span>{t("palette.open")}</span>
            <Kbd size="xs" aria-hidden className="wide">
              {APPLE ? "⌘ K" : "Ctrl K"}
            </Kbd>
          </button>
          <Group gap={4} ml="auto" wrap="nowrap">
            <LiveMark />
            <LanguageSwitch />
            <SchemeSwitch />
            <Bell />
            <span style={{ width: 4 }} />
            <UserMenu session={session} />
          </Group>
        </header>
        <main id="content" className="main" tabIndex={-1}>
          <OfflineBanner />
          {/* Another page is not broken because this one is. */}
          <CrashBoundary key={pathname}>{children}</CrashBoundary>
        </main>
      </div>
      <Suspense fallback={null}>{palette && <Palette opened onClose={() => setPalette(false)} />}</Suspense>
    </div>
  );
}

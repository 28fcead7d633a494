// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { Window } from "happy-dom";
import { createRoot, type Root } from "react-dom/client";
import { MemoryRouter } from "react-router";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Deployment, Template } from "./api/types";
import { App, makeQueryClient } from "./App";
import { startLanguage } from "./i18n";
import { theme } from "./theme";

const PIPELINE = {
  filters: { belt: { type: "conveyor" }, preview: { type: "mjpeg_preview" } },
  connections: [{ from: "belt.image", to: "preview.image", kind: "weak" }],
};
const TEMPLATE: Template = { id: "conveyor", name: "conveyor", description: "", descriptions: {}, types: {}, pipeline: PIPELINE, needs: {}, fits: true, reasons: {} };
const MADE: Deployment = {
  id: "d1", name: "conveyor", tenant: "t", project: "p", state: "running", wanted: "running", revision: 1, epoch: 1, keeper: "n1",
  pipeline: PIPELINE, nodes: { belt: "n1", preview: "n1" }, node_names: { n1: "dock" }, reasons: {}, groups: [], figures: null,
  created_at: "2026-11-01T00:00:00Z", created_by: "owner",
};
const PART = "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 3\r\nX-Captured-At: 1\r\nX-Objects: {\"sound\": 3}\r\n\r\njpg\r\n";

class Socket {
  onmessage: ((message: { data: string }) => void) | null = null;
  close() {}
  send() {}
}

/** Sees everything at once, as a page does that fits its window. */
class Observer {
  constructor(private readonly tell: (entries: { isIntersecting: boolean }[]) => void) {}
  observe() {
    this.tell([{ isIntersecting: true }]);
  }
  disconnect() {}
}

/** A hub with one template, which holds whatever is posted to it. */
function hub() {
  const deployed: Deployment[] = [];
  const named = { id: "p", name: "Default" };
  const replies: Record<string, () => unknown> = {
    "GET /session": () => ({ user: { name: "owner", role: "owner" }, tenant: named, project: named, tenants: [named], projects: [named], version: "1", mesh: "m" }),
    "GET /overview": () => ({ nodes: { online: 1, stale: 0, expired: 0, offline: 0, pending: 0 }, events: [] }),
    "GET /events": () => ({ items: [], next: null }),
    "GET /nodes": () => ({ items: [], next: null, total: 0 }),
    "GET /templates": () => ({ items: [TEMPLATE] }),
    "GET /deployments": () => ({ items: deployed, next: null }),
    "GET /deployments/d1": () => MADE,
    "POST /deployments": () => {
      deployed.push(MADE);
      return MADE;
    },
  };
  return async (url: string, init?: RequestInit): Promise<Response> => {
    const path = url.replace("/api/v1", "").split("?")[0] ?? "";
    if (path === "/deployments/d1/preview/preview") {
      return new Response(PART, { headers: { "content-type": "multipart/x-mixed-replace; boundary=frame" } });
    }
    const reply = replies[`${init?.method ?? "GET"} ${path}`];
    return new Response(JSON.stringify(reply?.() ?? {}), { status: reply ? 200 : 404 });
  };
}

let root: Root;

beforeEach(async () => {
  vi.stubGlobal("fetch", vi.fn(hub()));
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("IntersectionObserver", Observer);
  // Node 25 and later has one of its own, which wants a file and stands before the page's.
  vi.stubGlobal("localStorage", new Window({ url: "http://localhost" }).localStorage);
  localStorage.setItem("cantor-language", "en");
  await startLanguage();
  const place = document.body.appendChild(document.createElement("div"));
  root = createRoot(place);
  root.render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={makeQueryClient()}>
        <MemoryRouter initialEntries={["/devices"]}>
          <App />
        </MemoryRouter>
      </QueryClientProvider>
    </MantineProvider>,
  );
});

afterEach(() => {
  root.unmount();
  vi.unstubAllGlobals();
});

function find<T extends HTMLElement>(selector: string): Promise<T> {
  return vi.waitFor(
    () => {
      const found = document.querySelector<T>(selector);
      if (found === null) throw new Error(`nothing matches ${selector}`);
      return found;
    },
    { timeout: 20_000 },
  );
}

test("from any page, four clicks show the live picture of a template", { timeout: 60_000 }, async () => {
  let clicks = 0;
  const click = async (selector: string) => {
    (await find(selector)).click();
    clicks += 1;
  };
  await click('nav a[href="/pipelines"]');
  await click('button[aria-label="Deploy conveyor"]');
  await click('[role="dialog"] button[type="submit"]');
  await click('[aria-label="Layer"] button:nth-child(2)');
  const picture = await find<HTMLImageElement>('img[alt="Live picture of conveyor, filter preview"][src^="blob:"]');
  const tile = picture.closest("figure");
  // Nothing stands over the picture, and what it shows is counted below it.
  await vi.waitFor(() => expect(tile?.querySelector(".veil")).toBeNull(), { timeout: 5_000 });
  await vi.waitFor(() => expect(tile?.textContent).toContain("sound 3"), { timeout: 5_000 });
  expect(clicks).toBe(4);
});

import i18next from "i18next";
import type { HubEvent } from "../api/types";
import { heard } from "../i18n/heard";

const BLANK = /{{(\w+)}}/g;

/** An event in the page's language: by its kind if every blank is filled, else the hub's English text. */
export function eventText(event: Pick<HubEvent, "kind" | "text" | "params">): string {
  const key = `event.${event.kind.replaceAll(".", "_")}`;
  if (!i18next.exists(key)) return event.text;
  const params = { ...event.params };
  if (typeof params["reason"] === "string") params["reason"] = heard(params["reason"]);
  const raw = String(i18next.t(key, { skipInterpolation: true }));
  const filled = [...raw.matchAll(BLANK)].every(([, name]) => params[name ?? ""] !== undefined && params[name ?? ""] !== null);
  return filled ? String(i18next.t(key, { ...params })) : event.text;
}

import i18next from "i18next";
import { beforeAll, expect, test } from "vitest";
import type { Resource } from "./api/types";
import { amount, hardwareFirst } from "./components/Chips";
import { eventText } from "./components/eventText";
import { formatLabels, parseLabels } from "./components/labels";
import { relative } from "./components/Time";
import { en } from "./i18n/en";
import { zh } from "./i18n/zh";
import { ticketFrom } from "./pages/ticket";

beforeAll(() => i18next.init({ resources: { en: { translation: en }, zh: { translation: zh } }, lng: "en", interpolation: { escapeValue: false } }));

function flat(tree: object, path = ""): Map<string, string> {
  const pairs = Object.entries(tree).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[path + key, value]] : [...flat(value as object, `${path}${key}.`)],
  );
  return new Map(pairs);
}

test("both languages hold the same texts with the same blanks", () => {
  const blanks = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1]).sort();
  const [english, chinese] = [flat(en), flat(zh)];
  expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
  for (const [key, text] of english) expect([key, blanks(chinese.get(key) ?? "")]).toEqual([key, blanks(text)]);
});

test("a ticket is read from a link, a fragment or bare, and from nothing else", () => {
  expect(ticketFrom("http://127.0.0.1:8470/sign-in#ticket=abcDEF12_-34")).toBe("abcDEF12_-34");
  expect(ticketFrom("  abcDEF12_-34 ")).toBe("abcDEF12_-34");
  expect(ticketFrom("http://127.0.0.1/sign-in")).toBeNull();
  expect(ticketFrom("")).toBeNull();
  expect(ticketFrom("ticket=%E0%A4%A")).toBeNull();
});

test("labels survive writing and reading, and a mistake is named", () => {
  expect(parseLabels("site=berlin, line:a")).toEqual({ labels: { site: "berlin", line: "a" }, wrong: null });
  expect(parseLabels(formatLabels({ a: "1", b: "2" })).labels).toEqual({ a: "1", b: "2" });
  expect(parseLabels("site=berlin, oops").wrong).toBe("oops");
});

test("amounts are written for people", () => {
  expect(amount({ value: 8 * 1024 ** 3, unit: "B" })).toBe("8 GiB");
  expect(amount({ value: 1, unit: "" })).toBe("1");
  expect([amount({ value: 1, unit: "cores" }), amount({ value: 4, unit: "cores" }), amount({ value: 21.5, unit: "°C" })]).toEqual(["1 core", "4 cores", "21.5 °C"]);
});

test("times are written in the language of the page", () => {
  expect(relative(0, 180_000, "en")).toBe("3 minutes ago");
  expect(relative(0, 180_000, "zh")).toContain("分钟前");
});

test("hardware comes before what every box has", () => {
  const resources = ["os", "CPU", "arch", "hostname", "Memory", "SerialPort", "TemperatureSensor", "USBCamera", "GPUMemory"].map(
    (name) => ({ name, kind: "condition", value: 1, unit: null }) as Resource,
  );
  const names = hardwareFirst(resources).map((resource) => resource.name);
  expect(names).toEqual(["GPUMemory", "USBCamera", "TemperatureSensor", "SerialPort", "CPU", "Memory", "arch", "os", "hostname"]);
});

test("an event is told in the page's language, and in the hub's words where a blank is missing", async () => {
  const lost = { kind: "node.lost", text: "dock no longer answers", params: { name: "dock" } };
  const strange = { kind: "moon.risen", text: "The moon has risen" };
  await i18next.changeLanguage("zh");
  expect(eventText(lost)).toBe("dock 已无响应");
  expect(eventText({ ...lost, params: {} })).toBe(lost.text);
  expect(eventText(strange)).toBe(strange.text);
  await i18next.changeLanguage("en");
  expect(eventText(lost)).toBe("dock no longer answers");
});

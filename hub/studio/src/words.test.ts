import i18next from "i18next";
import { beforeAll, expect, test } from "vitest";
import type { Resource } from "./api/types";
import { amount, hardwareFirst } from "./components/Chips";
import { eventText } from "./components/eventText";
import { formatLabels, parseLabels } from "./components/labels";
import { relative } from "./components/Time";
import { en } from "./i18n/en";
import { heard, teach } from "./i18n/heard";
import { heardZh } from "./i18n/heard.zh";
import { zh } from "./i18n/zh";
import { nodeTexts } from "./pages/devices/texts";
import { resourceTexts } from "./pages/resources/texts";
import { serviceTexts } from "./pages/services/texts";
import { settingsTexts } from "./pages/settings/texts";
import { taskTexts } from "./pages/tasks/texts";
import { ticketFrom } from "./pages/ticket";

beforeAll(() => i18next.init({ resources: { en: { translation: en }, zh: { translation: zh } }, lng: "en", interpolation: { escapeValue: false } }));

function flat(tree: object, path = ""): Map<string, string> {
  const pairs = Object.entries(tree).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[path + key, value]] : [...flat(value as object, `${path}${key}.`)],
  );
  return new Map(pairs);
}

test.each([{ en, zh }, nodeTexts, resourceTexts, serviceTexts, settingsTexts, taskTexts])("both languages hold the same texts with the same blanks", (texts) => {
  const blanks = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1]).sort();
  const [english, chinese] = [flat(texts.en), flat(texts.zh)];
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

test("sentences of the hub and the nodes are told in 中文, part by part, and others as they came", async () => {
  teach("zh", heardZh);
  await i18next.changeLanguage("zh");
  const told: [english: string, chinese: string][] = [
    ["character 5: the filter has a single =; a filter compares with == — write words, label:value, or comparisons such as GPU >= 1, joined by and, or, not",
      "第 5 个字符：这里是单个 =，比较请用 ==。请写词语、标签:值，或 GPU >= 1 这样的比较，并用 and、or、not 组合"],
    ["worker-1: GPU = 1 fails: none free; hub: it has no filter type onnx; and 3 more", "worker-1：不满足 GPU = 1：没有空闲；hub：没有过滤器类型 onnx；另有 3 个"],
    ["camera: not USBCamera == 1 fails: USBCamera == 1 holds", "camera：不满足 not USBCamera == 1：USBCamera == 1 成立"],
    ["filter video on node worker-1: video.avi: there is no such video file — check the path", "节点 worker-1 上的过滤器 video：video.avi：没有此视频文件。请检查路径"],
    ["filter detect on node w: m.onnx: is no ONNX model that can be loaded (a: b; c) — export the model to ONNX again",
      "节点 w 上的过滤器 detect：m.onnx：不是可加载的 ONNX 模型（a: b; c）。请重新将模型导出为 ONNX"],
    ["params.detect.confidence: must lie between 0.001 and 1, not 5", "params.detect.confidence：必须在 0.001 和 1 之间，而不是 5"],
    ["pipeline.filters.a.type: unknown filter type 'x' (known types: count, file)", "pipeline.filters.a.type：未知的过滤器类型 'x'（已知类型：count, file）"],
    ["Expected `int`, got `str` - at `$.max_uses`", "`$.max_uses` 应为 `int`，而不是 `str`"],
    ["must be an integer, not 1.5", "必须是整数，而不是 1.5"],
    ["The moon has risen; nobody saw it", "The moon has risen; nobody saw it"],
  ];
  expect(told.map(([english]) => heard(english))).toEqual(told.map(([, chinese]) => chinese));
  const failed = { kind: "deployment.failed", text: "", params: { name: "demo", reason: "the worker process was killed by signal 9" } };
  expect(eventText(failed)).toBe("demo 失败：工作进程被信号 9 终止");
  await i18next.changeLanguage("en");
  expect(heard("check the path")).toBe("check the path");
});

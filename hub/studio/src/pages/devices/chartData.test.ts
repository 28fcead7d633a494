import { expect, test } from "vitest";
import { chartsOf, lastOf, type PastMetric, written } from "./chartData";

function metric(name: string, values: (number | null)[], label = ""): PastMetric {
  return { name: `cantor_${name}`, kind: "gauge", labels: label ? { label } : {}, values };
}

test("a node has the charts that it has series for", () => {
  const past = {
    times: [1, 2],
    items: [
      metric("cpu_used_ratio", [0.1, 0.256]),
      metric("memory_used_bytes", [1024 ** 3, 1.5 * 1024 ** 3]),
      metric("memory_total_bytes", [4 * 1024 ** 3, 4 * 1024 ** 3]),
      metric("network_received_bytes", [null, 1000], "eth0"),
      metric("network_received_bytes", [null, 48], "wlan0"),
      metric("network_sent_bytes", [null, null], "eth0"),
      metric("gpu_used_ratio", [null, null], "0"),
    ],
  };
  const charts = chartsOf(past, "in", "out");
  expect(charts.map((chart) => [chart.key, lastOf(chart)])).toEqual([
    ["cpu", "26 %"],
    ["memory", "1.5 GiB"],
    ["network", "in 1.0 KiB/s"],
  ]);
  expect(charts[1]?.top).toBe(4 * 1024 ** 3);
  expect(charts[2]?.lines[0]?.values).toEqual([null, 1048]);
  expect(chartsOf({ times: [], items: [] }, "in", "out")).toEqual([]);
});

test("of many sensors the hottest are shown", () => {
  const items = [30, 70, 50, 60].map((value, at) => metric("temperature_celsius", [value], `s${String(at)}`));
  const [chart] = chartsOf({ times: [1], items }, "in", "out");
  expect(chart?.lines.map((line) => line.label)).toEqual(["s1", "s3", "s2"]);
});

test("values are written for people", () => {
  expect([written(0, "bytes"), written(1536, "speed"), written(500 * 1024, "bytes"), written(41.6, "celsius")]).toEqual(["0 B", "1.5 KiB/s", "500 KiB", "42 °C"]);
});

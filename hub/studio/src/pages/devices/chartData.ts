/** Which series of a node a chart shows, and as what. */

export interface PastMetric {
  name: string;
  kind: string;
  labels: Record<string, string>;
  values: (number | null)[];
}

export interface Past {
  times: number[];
  items: PastMetric[];
}

export type Unit = "share" | "bytes" | "speed" | "celsius";

export interface ChartData {
  key: "cpu" | "memory" | "network" | "temperature" | "gpu";
  unit: Unit;
  times: number[];
  lines: { label: string; values: (number | null)[] }[];
  /** The upper end of the axis, where it is known. */
  top: number | null;
}

const LINES_MAX = 3;

function labelOf(metric: PastMetric): string {
  return Object.values(metric.labels).join(" ");
}

/** The sum of series at each time; null where none has a value. */
function sum(items: PastMetric[], count: number): (number | null)[] {
  return Array.from({ length: count }, (_, at) => {
    const known = items.map((item) => item.values[at]).filter((value) => value !== null && value !== undefined);
    return known.length > 0 ? known.reduce((total, value) => total + value, 0) : null;
  });
}

function newest(values: (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** The charts that a node has something for. Of many sensors the hottest are shown. */
export function chartsOf(past: Past, received: string, sent: string): ChartData[] {
  const { times } = past;
  const named = (name: string) => past.items.filter((item) => item.name === `cantor_${name}`);
  const first = (name: string) => named(name)[0]?.values;
  const total = newest(first("memory_total_bytes") ?? []);
  const hottest = named("temperature_celsius").sort((one, other) => (newest(other.values) ?? -300) - (newest(one.values) ?? -300));
  const charts: ChartData[] = [
    { key: "cpu", unit: "share", times, top: 1, lines: first("cpu_used_ratio") ? [{ label: "", values: first("cpu_used_ratio") ?? [] }] : [] },
    { key: "memory", unit: "bytes", times, top: total, lines: first("memory_used_bytes") ? [{ label: "", values: first("memory_used_bytes") ?? [] }] : [] },
    {
      key: "network",
      unit: "speed",
      times,
      top: null,
      lines: [
        { label: received, items: named("network_received_bytes") },
        { label: sent, items: named("network_sent_bytes") },
      ].filter(({ items }) => items.length > 0).map(({ label, items }) => ({ label, values: sum(items, times.length) })),
    },
    { key: "temperature", unit: "celsius", times, top: null, lines: hottest.slice(0, LINES_MAX).map((item) => ({ label: labelOf(item), values: item.values })) },
    { key: "gpu", unit: "share", times, top: 1, lines: named("gpu_used_ratio").slice(0, LINES_MAX).map((item) => ({ label: labelOf(item), values: item.values })) },
  ];
  return charts.filter((chart) => chart.lines.some((line) => newest(line.values) !== null));
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A value as people read it. */
export function written(value: number, unit: Unit): string {
  if (unit === "share") return `${(100 * value).toFixed(0)} %`;
  if (unit === "celsius") return `${value.toFixed(0)} °C`;
  let size = value;
  let step = 0;
  while (Math.abs(size) >= 1024 && step < SIZES.length - 1) {
    size /= 1024;
    step += 1;
  }
  return `${size.toFixed(step > 0 && size < 100 ? 1 : 0)} ${SIZES[step]}${unit === "speed" ? "/s" : ""}`;
}

/** What the lines of a chart show last, as one text. */
export function lastOf(chart: ChartData): string {
  return chart.lines
    .map((line) => ({ label: line.label, value: newest(line.values) }))
    .flatMap(({ label, value }) => (value === null ? [] : [`${label} ${written(value, chart.unit)}`.trim()]))
    .join(", ");
}

import { useEffect, useRef } from "react";
import type uPlot from "uplot";
import { type ChartData, written } from "./chartData";

const HEIGHT = 110;

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
}

function options(data: ChartData, width: number): uPlot.Options {
  const strokes = [colour("--edge-accent-text"), colour("--edge-stale"), colour("--mantine-color-dimmed")];
  const grid = { stroke: colour("--edge-line"), width: 1 };
  const text = colour("--mantine-color-dimmed");
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false },
    scales: { y: { range: (_, low, high) => [Math.min(0, low), data.top ?? Math.max(high, 1e-9)] } },
    axes: [
      { stroke: text, grid: { show: false }, ticks: { show: false }, size: 22 },
      { stroke: text, grid, ticks: { show: false }, size: 64, splits: (_, __, low, high) => [low, (low + high) / 2, high], values: (_, splits) => splits.map((value) => written(value, data.unit)) },
    ],
    series: [{}, ...data.lines.map((line, at) => ({ label: line.label, stroke: strokes[at % strokes.length], width: 1.5, points: { show: false }, spanGaps: false }))],
  };
}

function aligned(data: ChartData): uPlot.AlignedData {
  return [data.times, ...data.lines.map((line) => line.values)];
}

/** Lines over time. What they show last stands beside the title, for who cannot see them. */
export function Chart({ data, label }: { data: ChartData; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shape = data.lines.map((line) => line.label).join("\n");
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let isOver = false;
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    void Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]).then(([{ default: Plot }]) => {
      if (isOver) return;
      plot.current = new Plot(options(latest.current, element.clientWidth), aligned(latest.current), element);
      watch.observe(element);
    });
    return () => {
      isOver = true;
      watch.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(aligned(data)), [data]);
  return <div ref={place} role="img" aria-label={label} style={{ height: HEIGHT }} />;
}

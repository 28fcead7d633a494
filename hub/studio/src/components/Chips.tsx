import i18next from "i18next";
import type { Labels, Resource } from "../api/types";

export function LabelChips({ labels, limit }: { labels: Labels; limit: number }) {
  const all = Object.entries(labels);
  const rest = all.slice(limit);
  return (
    <span className="chips">
      {all.slice(0, limit).map(([name, value]) => (
        <span key={name} className="chip" title={`${name}=${value}`}>
          {name}={value}
        </span>
      ))}
      {rest.length > 0 && (
        <span className="chip" title={rest.map(([name, value]) => `${name}=${value}`).join("\n")}>
          +{rest.length}
        </span>
      )}
    </span>
  );
}

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A resource's value for people: bytes in binary units, long fractions shortened. */
export function amount({ value, unit }: Pick<Resource, "value" | "unit">): string {
  if (typeof value !== "number") return value === null ? "" : String(value);
  if (unit === "B" || unit === "bytes") {
    let step = 0;
    let rest = value;
    while (rest >= 1024 && step < BINARY.length - 1) {
      rest /= 1024;
      step += 1;
    }
    return `${Number(rest.toFixed(rest < 10 ? 1 : 0))} ${BINARY[step]}`;
  }
  const words = unit ? i18next.t(`unit.${unit}`, { count: value, defaultValue: unit }) : "";
  return `${Number(value.toFixed(2))}${words ? ` ${words}` : ""}`;
}

// People look for these; what every box has says least about it.
const SOUGHT = [/gpu/i, /camera/i];
const COMMON = ["SerialPort", "CPU", "Memory", "Disk", "Sandbox", "arch", "os", "hostname"];

/** GPUs and cameras first, then other hardware; what every box has comes last. */
export function hardwareFirst(resources: Resource[]): Resource[] {
  const rank = ({ name }: Resource) => {
    const sought = SOUGHT.findIndex((pattern) => pattern.test(name));
    return sought >= 0 ? sought - SOUGHT.length : COMMON.indexOf(name) + 1;
  };
  return [...resources].sort((a, b) => rank(a) - rank(b));
}

export function ResourceChips({ resources, limit }: { resources: Resource[]; limit: number }) {
  const ordered = hardwareFirst(resources);
  const rest = ordered.slice(limit);
  return (
    <span className="chips">
      {ordered.slice(0, limit).map((resource) => (
        <span key={resource.name} className="chip">
          {resource.name} {resource.value !== true && <b>{amount(resource)}</b>}
        </span>
      ))}
      {rest.length > 0 && (
        <span className="chip" title={rest.map((item) => `${item.name} ${amount(item)}`).join("\n")}>
          +{rest.length}
        </span>
      )}
    </span>
  );
}

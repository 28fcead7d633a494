/** The parameters that a template gives its filters, as fields of a form. */
import type { Pipeline, Value } from "../../api/types";

export interface Field {
  /** `filter.parameter`, as the hub takes it. */
  key: string;
  filter: string;
  name: string;
  kind: "number" | "boolean" | "text" | "json";
  /** What stands in the field before anybody types. */
  start: string;
}

function kindOf(value: Value): Field["kind"] {
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "string" ? "text" : "json";
}

export function fieldsOf(pipeline: Pipeline): Field[] {
  return Object.entries(pipeline.filters).flatMap(([filter, spec]) =>
    Object.entries(spec.params ?? {}).map(([name, value]) => {
      const kind = kindOf(value);
      const start = kind === "json" ? JSON.stringify(value) : String(value);
      return { key: `${filter}.${name}`, filter, name, kind, start };
    }),
  );
}

/** What was typed, as a value of the field's kind. */
export function readField(field: Field, text: string): { value: Value } | { wrong: true } {
  if (field.kind === "text") return { value: text };
  if (field.kind === "boolean") return { value: text === "true" };
  if (field.kind === "number") {
    const value = Number(text);
    return text.trim() !== "" && Number.isFinite(value) ? { value } : { wrong: true };
  }
  try {
    return { value: JSON.parse(text) as Value };
  } catch {
    return { wrong: true };
  }
}

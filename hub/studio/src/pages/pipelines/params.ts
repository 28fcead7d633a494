/** The parameters of a template's filters, as fields of a form. */
import type { ParamSchema, Template, Value } from "../../api/types";

export interface Field {
  /** `filter.parameter`, as the hub takes it. */
  key: string;
  filter: string;
  name: string;
  kind: "number" | "boolean" | "choice" | "list" | "text" | "secret" | "json";
  /** What stands in the field before anybody types. */
  start: string;
  /** Set by the template or asked for by the type: what a person looks at first. */
  basic: boolean;
  required: boolean;
  schema: ParamSchema | undefined;
}

function kindOf(schema: ParamSchema | undefined, value: Value | undefined): Field["kind"] {
  if (schema?.writeOnly) return "secret";
  if (schema?.enum) return "choice";
  if (schema?.type === "array") return "list";
  const type = schema?.type ?? typeof value;
  if (type === "integer" || type === "number") return "number";
  if (type === "boolean") return "boolean";
  return type === "string" ? "text" : "json";
}

function written(kind: Field["kind"], value: Value | undefined): string {
  if (value === undefined || value === null || kind === "secret") return "";
  if (kind === "list") return Array.isArray(value) ? value.join(", ") : String(value);
  return kind === "json" ? JSON.stringify(value) : String(value);
}

/** Every parameter of every filter, those that matter first within their filter. */
export function fieldsOf(template: Pick<Template, "pipeline" | "types">): Field[] {
  return Object.entries(template.pipeline.filters).flatMap(([filter, spec]) => {
    const declared = template.types[spec.type]?.params;
    const set = spec.params ?? {};
    const names = new Set([...Object.keys(set), ...Object.keys(declared?.properties ?? {})]);
    return [...names].map((name): Field => {
      const schema = declared?.properties?.[name];
      const kind = kindOf(schema, set[name]);
      const required = (declared?.required?.includes(name) ?? false) && !(kind === "secret" && name in set);
      const basic = name in set || required;
      return { key: `${filter}.${name}`, filter, name, kind, start: written(kind, set[name] ?? schema?.default), basic, required, schema };
    });
  });
}

export type Wrong = { wrong: "kind" | "range" | "missing" };

function readNumber(text: string, schema: ParamSchema | undefined): { value: Value } | Wrong {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return { wrong: "kind" };
  if (schema?.type === "integer" && !Number.isInteger(value)) return { wrong: "kind" };
  const low = schema?.minimum ?? Number.NEGATIVE_INFINITY;
  const high = schema?.maximum ?? Number.POSITIVE_INFINITY;
  return value < low || value > high ? { wrong: "range" } : { value };
}

/** What was typed, as a value of the field's kind; what is wrong with it otherwise. */
export function readField(field: Field, text: string): { value: Value } | Wrong {
  if (field.required && text.trim() === "") return { wrong: "missing" };
  if (field.kind === "text" || field.kind === "secret" || field.kind === "choice") return { value: text };
  if (field.kind === "boolean") return { value: text === "true" };
  if (field.kind === "list") return { value: text.split(/[,，]/).map((part) => part.trim()).filter(Boolean) };
  if (field.kind === "number") return readNumber(text, field.schema);
  try {
    return { value: JSON.parse(text) as Value };
  } catch {
    return { wrong: "kind" };
  }
}

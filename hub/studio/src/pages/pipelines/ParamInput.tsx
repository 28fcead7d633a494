import { NumberInput, PasswordInput, Select, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { heard } from "../../i18n/heard";
import type { Field, Wrong } from "./params";

interface InputProps {
  field: Field;
  text: string;
  wrong: Wrong["wrong"] | null;
  onChange: (text: string) => void;
}

function useHint({ kind, schema }: Field): string {
  const { t } = useTranslation();
  const { minimum, maximum } = schema ?? {};
  const unit = schema?.["x-unit"];
  const range = minimum !== undefined && maximum !== undefined ? `${minimum} – ${maximum}` : minimum !== undefined ? `≥ ${minimum}` : maximum !== undefined ? `≤ ${maximum}` : "";
  const facts = [
    heard(schema?.description ?? ""),
    [range, unit].filter(Boolean).join(" "),
    kind === "list" ? t("deploy.list") : "",
    schema?.["x-file"] ? t("deploy.file") : "",
    kind === "secret" ? t("deploy.secret") : "",
  ];
  return facts.filter(Boolean).join(" · ");
}

/** One parameter, by what its filter type says about it. */
export function ParamInput({ field, text, wrong, onChange }: InputProps) {
  const { t } = useTranslation();
  const { minimum, maximum, type } = field.schema ?? {};
  const common = {
    label: field.key,
    description: useHint(field) || undefined,
    required: field.required,
    error: wrong === null ? null : t(`deploy.wrong.${wrong}`),
  };
  if (field.kind === "number") {
    return (
      <NumberInput {...common} value={text} min={minimum} max={maximum} clampBehavior="none" allowDecimal={type !== "integer"} onChange={(value) => onChange(String(value))} />
    );
  }
  if (field.kind === "boolean" || field.kind === "choice") {
    const data =
      field.kind === "boolean"
        ? [
            { value: "true", label: t("deploy.on") },
            { value: "false", label: t("deploy.off") },
          ]
        : (field.schema?.enum ?? []).map((value) => ({ value: String(value), label: String(value) || t("deploy.automatic") }));
    return <Select {...common} data={data} value={text} allowDeselect={false} onChange={(value) => onChange(value ?? field.start)} />;
  }
  if (field.kind === "secret") {
    return <PasswordInput {...common} value={text} autoComplete="new-password" visibilityToggleButtonProps={{ "aria-label": t("deploy.reveal") }} onChange={(event) => onChange(event.currentTarget.value)} />;
  }
  return <TextInput {...common} value={text} spellCheck={false} onChange={(event) => onChange(event.currentTarget.value)} />;
}

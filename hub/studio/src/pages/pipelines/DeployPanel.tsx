import { Alert, Button, Drawer, Group, NumberInput, Select, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { IconAlertTriangle, IconChevronRight, IconCircleCheckFilled, IconRocket } from "@tabler/icons-react";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useDeploy, useDeployments } from "../../api/deployments";
import { useNodes } from "../../api/queries";
import type { Template, Value } from "../../api/types";
import { ErrorNotice } from "../../components/Notices";
import { freeName } from "./derive";
import { type Field, fieldsOf, readField } from "./params";
import { tell } from "../../components/tell";

function Fold({ title, hint, children }: { title: string; hint: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <section className="fold">
      <UnstyledButton className="fold-head" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <IconChevronRight size={16} aria-hidden style={{ transform: open ? "rotate(90deg)" : undefined }} />
        <span>{title}</span>
        <Text span size="xs" c="dimmed" ml="auto">
          {hint}
        </Text>
      </UnstyledButton>
      <div id={id} hidden={!open}>
        {open && children}
      </div>
    </section>
  );
}

interface InputProps {
  field: Field;
  text: string;
  wrong: boolean;
  onChange: (text: string) => void;
}

function ParamInput({ field, text, wrong, onChange }: InputProps) {
  const { t } = useTranslation();
  const label = `${field.filter}.${field.name}`;
  const error = wrong ? t("deploy.wrong") : null;
  if (field.kind === "number") return <NumberInput label={label} value={text} error={error} onChange={(value) => onChange(String(value))} />;
  if (field.kind === "boolean") {
    const data = [
      { value: "true", label: t("deploy.on") },
      { value: "false", label: t("deploy.off") },
    ];
    return <Select label={label} data={data} value={text} allowDeselect={false} onChange={(value) => onChange(value ?? field.start)} />;
  }
  return <TextInput label={label} value={text} error={error} spellCheck={false} onChange={(event) => onChange(event.currentTarget.value)} />;
}

function Placement({ template, chosen, onChoose }: { template: Template; chosen: Record<string, string>; onChoose: (filter: string, node: string) => void }) {
  const { t } = useTranslation();
  const nodes = useNodes("");
  const online = (nodes.data?.pages ?? []).flatMap((page) => page.items).filter((node) => node.state === "online");
  const data = [{ value: "", label: t("deploy.automatic") }, ...online.map((node) => ({ value: node.id, label: node.name }))];
  return (
    <Stack gap="sm">
      <Text size="xs" c="dimmed">
        {t("deploy.placementHint")}
      </Text>
      {nodes.isError && <ErrorNotice error={nodes.error} onRetry={() => void nodes.refetch()} />}
      {Object.entries(template.pipeline.filters).map(([filter, spec]) => (
        <Select
          key={filter}
          label={filter}
          description={template.needs[filter] ? t("deploy.needs", { needs: template.needs[filter] }) : spec.type}
          error={template.reasons[filter] ?? null}
          data={data}
          value={chosen[filter] ?? ""}
          allowDeselect={false}
          searchable={data.length > 8}
          onChange={(node) => onChoose(filter, node ?? "")}
        />
      ))}
    </Stack>
  );
}

/** Whether the template can run now; what is missing, filter by filter. */
function Fit({ template }: { template: Template }) {
  const { t } = useTranslation();
  if (template.fits) {
    return (
      <Text size="sm" className="state" c="var(--edge-online)">
        <IconCircleCheckFilled size={16} aria-hidden /> {t("deploy.fits")}
      </Text>
    );
  }
  return (
    <Alert variant="outline" color="yellow" icon={<IconAlertTriangle />} styles={{ icon: { color: "var(--edge-stale)" } }}>
      <Text size="sm">{t("deploy.fitsNot")}</Text>
      <ul className="plain">
        {Object.entries(template.reasons).map(([filter, reason]) => (
          <li key={filter} style={{ fontSize: 13, marginTop: 6 }}>
            <b>{filter}</b>: {reason}
          </li>
        ))}
      </ul>
    </Alert>
  );
}

function useForm(template: Template) {
  const fields = fieldsOf(template.pipeline);
  const [texts, setTexts] = useState<Record<string, string>>({});
  const read = fields.map((field) => ({ field, text: texts[field.key] ?? field.start, ...readField(field, texts[field.key] ?? field.start) }));
  const params: Record<string, Value> = {};
  for (const one of read) if ("value" in one && one.text !== one.field.start) params[one.field.key] = one.value;
  const wrong = read.some((one) => "wrong" in one);
  const change = (key: string, text: string) => setTexts((before) => ({ ...before, [key]: text }));
  return { read, params, wrong, change };
}

/** One click deploys; everything above the button may stay as it is. */
export function DeployPanel({ template, onClose }: { template: Template; onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const deploy = useDeploy();
  const others = useDeployments();
  const suggested = freeName(template.name, (others.data?.items ?? []).map((one) => one.name));
  const [typed, setName] = useState<string | null>(null);
  const name = typed ?? suggested;
  const [nodes, setNodes] = useState<Record<string, string>>({});
  const form = useForm(template);
  const chosen = Object.fromEntries(Object.entries(nodes).filter(([, node]) => node !== ""));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (form.wrong) return;
    deploy.mutate(
      { template: template.id, name: name.trim() || suggested, params: form.params, nodes: chosen },
      {
        onSuccess: (made) => {
          tell({ color: "green", message: t("deploy.done", { name: made.name }) });
          void navigate(`/pipelines/${encodeURIComponent(made.id)}`);
        },
      },
    );
  };
  const changed = Object.keys(form.params).length;
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size={480}
      title={<span style={{ fontWeight: 600, fontSize: 16 }}>{t("deploy.title", { name: template.name })}</span>}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form onSubmit={submit}>
        <Stack gap="md">
          {template.description && (
            <Text size="sm" c="dimmed">
              {template.description}
            </Text>
          )}
          <Fit template={template} />
          <TextInput label={t("deploy.name")} value={name} maxLength={64} onChange={(event) => setName(event.currentTarget.value)} />
          <div>
            <Fold title={t("deploy.params")} hint={`${changed} / ${form.read.length}`}>
              <Stack gap="sm">
                {form.read.length === 0 && (
                  <Text size="sm" c="dimmed">
                    {t("deploy.noParams")}
                  </Text>
                )}
                {form.read.map((one) => (
                  <ParamInput key={one.field.key} field={one.field} text={one.text} wrong={"wrong" in one} onChange={(text) => form.change(one.field.key, text)} />
                ))}
              </Stack>
            </Fold>
            <Fold title={t("deploy.placement")} hint={Object.keys(chosen).length === 0 ? t("deploy.automatic") : String(Object.keys(chosen).length)}>
              <Placement template={template} chosen={nodes} onChoose={(filter, node) => setNodes((before) => ({ ...before, [filter]: node }))} />
            </Fold>
          </div>
          {deploy.isError && <ErrorNotice error={deploy.error} title={t("error.action")} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" data-autofocus loading={deploy.isPending} disabled={form.wrong} leftSection={<IconRocket size={16} />}>
              {t("deploy.submit")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Drawer>
  );
}

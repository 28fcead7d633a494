import { Alert, Button, Drawer, Group, Select, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { IconAlertTriangle, IconChevronRight, IconCircleCheckFilled, IconRocket } from "@tabler/icons-react";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useDeploy, useDeployments } from "../../api/deployments";
import { useNodes } from "../../api/queries";
import type { Template, Value } from "../../api/types";
import { ErrorNotice } from "../../components/Notices";
import { descriptionOf, freeName } from "./derive";
import { heard } from "../../i18n/heard";
import { Reasons } from "./Reasons";
import { ParamInput } from "./ParamInput";
import { fieldsOf, readField } from "./params";
import { tell } from "../../components/tell";

/** `force` opens it, since there is a mistake inside. */
function Fold({ title, hint, start = false, force = false, children }: { title: string; hint: string; start?: boolean; force?: boolean; children: ReactNode }) {
  const [wanted, setOpen] = useState(start);
  const open = wanted || force;
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
          error={template.reasons[filter] ? heard(template.reasons[filter]) : null}
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
      <Reasons reasons={template.reasons} />
    </Alert>
  );
}

function useForm(template: Template) {
  const fields = fieldsOf(template);
  const [texts, setTexts] = useState<Record<string, string>>({});
  const read = fields.map((field) => ({ field, text: texts[field.key] ?? field.start, ...readField(field, texts[field.key] ?? field.start) }));
  const params: Record<string, Value> = {};
  for (const one of read) if ("value" in one && one.text !== one.field.start) params[one.field.key] = one.value;
  const wrong = read.some((one) => "wrong" in one);
  const change = (key: string, text: string) => setTexts((before) => ({ ...before, [key]: text }));
  return { read, params, wrong, change };
}

function Fields({ read, change, asked }: { read: ReturnType<typeof useForm>["read"]; change: (key: string, text: string) => void; asked: boolean }) {
  return (
    <Stack gap="sm">
      {read.map((one) => {
        // What is missing is said once somebody has tried to deploy without it.
        const wrong = "wrong" in one && (asked || one.wrong !== "missing") ? one.wrong : null;
        return <ParamInput key={one.field.key} field={one.field} text={one.text} wrong={wrong} onChange={(text) => change(one.field.key, text)} />;
      })}
    </Stack>
  );
}

/** A file or something missing is worth a look before the button; else the form may stay shut. */
function Params({ form, asked }: { form: ReturnType<typeof useForm>; asked: boolean }) {
  const { t } = useTranslation();
  const basic = form.read.filter((one) => one.field.basic);
  const rest = form.read.filter((one) => !one.field.basic);
  const shown = basic.some((one) => one.field.schema?.["x-file"] || ("wrong" in one && one.wrong === "missing"));
  const changed = (some: typeof basic) => some.filter((one) => one.field.key in form.params).length;
  const hint = (some: typeof basic) => t("deploy.changed", { count: changed(some), total: some.length });
  return (
    <>
      {basic.length > 0 && (
        <Fold title={t("deploy.params")} hint={hint(basic)} start={shown} force={asked && basic.some((one) => "wrong" in one)}>
          <Fields read={basic} change={form.change} asked={asked} />
        </Fold>
      )}
      {rest.length > 0 && (
        <Fold title={t("deploy.more")} hint={hint(rest)} force={asked && rest.some((one) => "wrong" in one)}>
          <Fields read={rest} change={form.change} asked={asked} />
        </Fold>
      )}
    </>
  );
}

/** One click deploys; everything above the button may stay as it is. */
export function DeployPanel({ template, onClose }: { template: Template; onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const deploy = useDeploy();
  const others = useDeployments();
  const suggested = freeName(template.name, (others.data?.items ?? []).map((one) => one.name));
  const [typed, setName] = useState<string | null>(null);
  const name = typed ?? suggested;
  const [nodes, setNodes] = useState<Record<string, string>>({});
  const form = useForm(template);
  const [asked, setAsked] = useState(false);
  const description = descriptionOf(template, i18n.language);
  const chosen = Object.fromEntries(Object.entries(nodes).filter(([, node]) => node !== ""));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked(true);
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
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size={480}
      title={t("deploy.title", { name: template.name })}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form onSubmit={submit} noValidate>
        <Stack gap="md">
          {description && (
            <Text size="sm" c="dimmed">
              {description}
            </Text>
          )}
          <Fit template={template} />
          <TextInput label={t("deploy.name")} value={name} maxLength={64} onChange={(event) => setName(event.currentTarget.value)} />
          <div>
            <Params form={form} asked={asked} />
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

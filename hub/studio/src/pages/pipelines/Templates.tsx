import { Button, Skeleton, Text, Title } from "@mantine/core";
import { IconCircleCheckFilled, IconHourglass, IconRocket } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useTemplates } from "../../api/deployments";
import type { Template } from "../../api/types";
import { ErrorNotice } from "../../components/Notices";
import { heard } from "../../i18n/heard";
import { descriptionOf } from "./derive";

function Card({ template, onDeploy }: { template: Template; onDeploy: () => void }) {
  const { t, i18n } = useTranslation();
  const description = descriptionOf(template, i18n.language);
  const missing = Object.keys(template.reasons);
  const why = Object.entries(template.reasons).map(([filter, reason]) => `${filter}: ${heard(reason)}`);
  return (
    <li className="card template">
      <Title order={3} fz={14}>
        {template.name}
      </Title>
      <Text size="xs" c="dimmed" lineClamp={3} title={description} style={{ flex: 1 }}>
        {description || Object.keys(template.pipeline.filters).join(" → ")}
      </Text>
      <div className="template-foot">
        {template.fits ? (
          <span className="state fit" style={{ color: "var(--edge-online)" }}>
            <IconCircleCheckFilled size={15} aria-hidden />
            {t("pipelines.fits")}
          </span>
        ) : (
          <span className="state fit" style={{ color: "var(--edge-stale)" }} title={why.join("\n")}>
            <IconHourglass size={15} aria-hidden />
            {t("pipelines.fitsNot", { filters: missing.join(", ") })}
          </span>
        )}
        <Button
          size="xs"
          variant={template.fits ? "filled" : "default"}
          leftSection={<IconRocket size={14} />}
          aria-label={t("pipelines.deployOne", { name: template.name })}
          onClick={onDeploy}
          style={{ flex: "none" }}
        >
          {t("pipelines.deploy")}
        </Button>
      </div>
    </li>
  );
}

/** What can be deployed with two clicks. */
export function Templates({ onDeploy }: { onDeploy: (id: string) => void }) {
  const { t } = useTranslation();
  const templates = useTemplates();
  const items = templates.data?.items ?? [];
  return (
    <section aria-labelledby="templates">
      <Title order={2} id="templates" mb="xs">
        {t("pipelines.templates")}
      </Title>
      {templates.isPending && (
        <div className="templates" aria-hidden>
          {[0, 1, 2, 3].map((card) => (
            <Skeleton key={card} height={132} radius={12} />
          ))}
        </div>
      )}
      {templates.isError && !templates.data && <ErrorNotice error={templates.error} onRetry={() => void templates.refetch()} />}
      {templates.data && items.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("pipelines.noTemplates")}
        </Text>
      )}
      {items.length > 0 && (
        <ul className="templates">
          {items.map((template) => (
            <Card key={template.id} template={template} onDeploy={() => onDeploy(template.id)} />
          ))}
        </ul>
      )}
    </section>
  );
}

import { ActionIcon, Group } from "@mantine/core";
import { IconMaximize } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Deployment } from "../api/types";
import { isActive, previewsOf } from "../pages/pipelines/derive";
import { LivePicture, PictureFacts } from "./LivePicture";

export interface Preview {
  deployment: Deployment;
  filter: string;
}

/** Every preview of every deployment that runs or soon will. */
export function previews(deployments: Deployment[]): Preview[] {
  return deployments
    .filter((deployment) => isActive(deployment))
    .flatMap((deployment) => previewsOf(deployment).map((filter) => ({ deployment, filter })));
}

export function previewTitle({ deployment, filter }: Preview): string {
  return previewsOf(deployment).length > 1 ? `${deployment.name} · ${filter}` : deployment.name;
}

interface TileProps {
  preview: Preview;
  onEnlarge?: () => void;
}

export function PictureTile({ preview, onEnlarge }: TileProps) {
  const { t } = useTranslation();
  const { deployment, filter } = preview;
  const title = previewTitle(preview);
  const large = t("picture.large", { name: title });
  return (
    <figure className="card tile">
      <LivePicture deployment={deployment} filter={filter} />
      <figcaption>
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Link className="tile-name" to={`/pipelines/${encodeURIComponent(deployment.id)}?layer=live`}>
            {title}
          </Link>
          {onEnlarge && (
            <ActionIcon variant="subtle" color="gray" aria-label={large} title={large} onClick={onEnlarge}>
              <IconMaximize size={16} />
            </ActionIcon>
          )}
        </Group>
        <PictureFacts deployment={deployment} filter={filter} />
      </figcaption>
    </figure>
  );
}

import { Button, Group, Modal, Skeleton, Text } from "@mantine/core";
import { IconDeviceCctv } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { useDeployments } from "../../api/deployments";
import { EmptyNotice, ErrorNotice } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import { RunMark } from "../../components/State";
import { LivePicture, PictureFacts } from "../../live/LivePicture";
import { type Preview, previews, previewTitle, PictureTile } from "../../live/PictureTile";

function keyOf({ deployment, filter }: Preview): string {
  return `${deployment.id}/${filter}`;
}

function Large({ preview, onClose }: { preview: Preview; onClose: () => void }) {
  const { t } = useTranslation();
  const { deployment, filter } = preview;
  return (
    <Modal
      opened
      onClose={onClose}
      size="min(1500px, 94vw)"
      title={
        <Group gap="sm">
          <b>{previewTitle(preview)}</b>
          <RunMark state={deployment.state} />
        </Group>
      }
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <div className="picture-large">
        <LivePicture deployment={deployment} filter={filter} />
      </div>
      <Group justify="space-between" mt="sm">
        <PictureFacts deployment={deployment} filter={filter} />
        <Button component={Link} size="xs" variant="default" to={`/pipelines/${encodeURIComponent(deployment.id)}?layer=live`}>
          {t("picture.deployment")}
        </Button>
      </Group>
    </Modal>
  );
}

/** Every picture that runs in this project; the address says which one is open large. */
export default function LivePage() {
  const { t } = useTranslation();
  const deployments = useDeployments();
  const [query, setQuery] = useSearchParams();
  const shown = previews(deployments.data?.items ?? []);
  const open = query.get("open");
  const large = shown.find((preview) => keyOf(preview) === open);
  return (
    <>
      <PageHead title={t("picture.title")} subtitle={t("picture.subtitle")} />
      {deployments.isPending && (
        <div className="tiles" aria-hidden>
          {[0, 1, 2].map((tile) => (
            <Skeleton key={tile} height={260} radius={12} />
          ))}
        </div>
      )}
      {deployments.isError && !deployments.data && <ErrorNotice error={deployments.error} onRetry={() => void deployments.refetch()} />}
      {deployments.data && shown.length === 0 && (
        <div className="card">
          <EmptyNotice
            icon={<IconDeviceCctv size={40} stroke={1.3} />}
            title={t("picture.emptyTitle")}
            body={t("picture.emptyBody")}
            action={
              <Button component={Link} to="/pipelines">
                {t("overview.deploy")}
              </Button>
            }
          />
        </div>
      )}
      {shown.length > 0 && (
        <>
          <Text size="xs" c="dimmed" role="status" mb="sm">
            {t("picture.count", { count: shown.length })}
          </Text>
          <div className={shown.length === 1 ? "tiles wall one" : "tiles wall"}>
            {shown.map((preview) => (
              <PictureTile key={keyOf(preview)} preview={preview} onEnlarge={() => setQuery({ open: keyOf(preview) })} />
            ))}
          </div>
        </>
      )}
      {large && <Large preview={large} onClose={() => setQuery({})} />}
    </>
  );
}

import { useTranslation } from "react-i18next";
import { NodeLink } from "../../components/NodeLink";
import { TASK_WORDS } from "./texts";
import type { TaskPlace } from "./types";

/** A node, with the way to it; one of another project has no name here. */
export function Place({ place }: { place: TaskPlace }) {
  const { t } = useTranslation(TASK_WORDS);
  if (!place.id) return <>{place.name || t("elsewhere")}</>;
  return <NodeLink id={place.id} name={place.name} />;
}

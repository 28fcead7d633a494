import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useSwitchProject } from "../api/queries";
import { useCause } from "../components/Notices";
import { tell } from "../components/tell";

/** What is open belongs to the project before, so the switch ends on the overview. */
export function useSwitch() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const cause = useCause();
  const change = useSwitchProject();
  return (where: { tenant?: string; project?: string }, done?: () => void) =>
    change.mutate(
      where,
      {
        onSuccess: () => {
          void navigate("/");
          done?.();
        },
        onError: (error) => tell({ color: "red", title: t("error.action"), message: cause(error) }),
      },
    );
}

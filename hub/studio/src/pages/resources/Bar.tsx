import { useTranslation } from "react-i18next";
import { shares, units } from "./format";
import { RESOURCE_WORDS } from "./texts";

interface BarProps {
  total: number;
  taken: number;
  elsewhere?: number;
  unit: string;
}

/** How much of a quantity is taken, as a bar and in words. */
export function Bar({ total, taken, elsewhere = 0, unit }: BarProps) {
  const { t } = useTranslation(RESOURCE_WORDS);
  const parts = shares(total, taken, elsewhere);
  const told = { taken: units(taken, unit), total: units(total, unit), elsewhere: units(elsewhere, unit) };
  return (
    <div className="usage">
      <span className="usage-bar" aria-hidden>
        <span style={{ width: `${parts.taken}%` }} />
        <span data-elsewhere style={{ width: `${parts.elsewhere}%` }} />
      </span>
      <span className="usage-text">
        {t("bar", told)}
        {elsewhere > 0 && ` · ${t("barElsewhere", told)}`}
      </span>
    </div>
  );
}

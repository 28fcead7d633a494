import { heard } from "../../i18n/heard";
import { shared } from "./derive";

/** Why filters have no node: those of one group together, and each node that was looked at on a line. */
export function Reasons({ reasons }: { reasons: Record<string, string> }) {
  return (
    <ul className="plain reasons">
      {shared(reasons).map(([filters, reason]) => (
        <li key={reason}>
          {filters.some(Boolean) && <b>{filters.join(", ")}</b>}
          <ul className="plain">
            {reason.split("; ").map((part) => (
              <li key={part}>{heard(part)}</li>
            ))}
          </ul>
        </li>
      ))}
    </ul>
  );
}

/** What a page shows lives in the query of its address, so that a link shows the same thing. */
import { useCallback } from "react";
import { useSearchParams } from "react-router";

export type Changes = Record<string, string | null | undefined>;

/** The query, and a way to change some of its fields: an empty one goes, an undefined one stays.
 *  With `replace` the step is none that "back" undoes. */
export function useQueryFields() {
  const [query, setQuery] = useSearchParams();
  const set = useCallback(
    (changes: Changes, replace = false) =>
      setQuery(
        (before) => {
          const after = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changes)) {
            if (value === undefined) continue;
            if (value) after.set(name, value);
            else after.delete(name);
          }
          return after;
        },
        { replace },
      ),
    [setQuery],
  );
  return { query, set };
}

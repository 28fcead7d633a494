import { Link } from "react-router";

/** A node by its name, with the way to it. */
export function NodeLink({ id, name }: { id: string; name: string }) {
  return (
    <Link className="link" to={`/devices?node=${encodeURIComponent(id)}`}>
      {name}
    </Link>
  );
}

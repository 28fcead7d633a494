/** What of the mesh a path or a search picks out. */
import type { Mesh, MeshPath } from "./types";

/** The nodes and links that a path goes over. */
export function onPath(path: MeshPath | undefined): Set<string> {
  const found = new Set<string>();
  const hops = path?.hops ?? [];
  hops.forEach(({ node }, at) => {
    const before = hops[at - 1]?.node;
    if (node) found.add(node);
    if (node && before) found.add(node < before ? `${node}-${before}` : `${before}-${node}`);
  });
  return found;
}

/** The nodes whose name or id holds the words; null while nothing is searched. */
export function search(mesh: Mesh, words: string): Set<string> | null {
  const wanted = words.trim().toLowerCase();
  if (!wanted) return null;
  return new Set(mesh.nodes.filter((node) => node.name.toLowerCase().includes(wanted) || node.id.startsWith(wanted)).map((node) => node.id));
}

/** What the one graph of a deployment shows besides itself. */
export const LAYERS = ["design", "live", "figures"] as const;
export type Layer = (typeof LAYERS)[number];

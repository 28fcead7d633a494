/** The camera over the graph: what part of the plane is shown, and how large. */

export interface Point {
  x: number;
  y: number;
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The point of the plane at the window's middle, and pixels per unit of the plane. */
export interface View extends Point {
  zoom: number;
}

export interface Size {
  width: number;
  height: number;
}

export const ZOOM_MIN = 0.05;
export const ZOOM_MAX = 4;
const FIT_ZOOM_MAX = 1.6;

export function clampZoom(zoom: number): number {
  return Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom));
}

export function toScreen(view: View, size: Size, point: Point): Point {
  return { x: (point.x - view.x) * view.zoom + size.width / 2, y: (point.y - view.y) * view.zoom + size.height / 2 };
}

export function toPlane(view: View, size: Size, point: Point): Point {
  return { x: (point.x - size.width / 2) / view.zoom + view.x, y: (point.y - size.height / 2) / view.zoom + view.y };
}

/** Zoom so that the point of the plane under `anchor` (in pixels) stays under it. */
export function zoomAt(view: View, size: Size, anchor: Point, factor: number): View {
  const zoom = clampZoom(view.zoom * factor);
  const under = toPlane(view, size, anchor);
  return {
    zoom,
    x: under.x - (anchor.x - size.width / 2) / zoom,
    y: under.y - (anchor.y - size.height / 2) / zoom,
  };
}

export function boundsOf(points: Iterable<Point>): Box | null {
  let box: Box | null = null;
  for (const { x, y } of points) {
    box = box
      ? { left: Math.min(box.left, x), top: Math.min(box.top, y), right: Math.max(box.right, x), bottom: Math.max(box.bottom, y) }
      : { left: x, top: y, right: x, bottom: y };
  }
  return box;
}

/** The view that shows a box whole, with a margin in pixels around it. */
export function fitted(box: Box | null, size: Size, margin: number): View {
  if (!box) return { x: 0, y: 0, zoom: 1 };
  const wide = Math.max(1, size.width - 2 * margin) / Math.max(1, box.right - box.left);
  const high = Math.max(1, size.height - 2 * margin) / Math.max(1, box.bottom - box.top);
  return {
    x: (box.left + box.right) / 2,
    y: (box.top + box.bottom) / 2,
    zoom: clampZoom(Math.min(FIT_ZOOM_MAX, wide, high)),
  };
}

/** One way to the hub: same-origin JSON, problem+json errors, a header against cross-site requests. */

const BASE = "/api/v1";

/** A failed call: status 0 means that no answer came at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly traceId: string | null;

  constructor(status: number, title: string, detail: string, traceId: string | null = null) {
    super(detail ? `${title}: ${detail}` : title);
    this.name = "ApiError";
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.traceId = traceId;
  }

  /** No answer of the hub itself: none at all, or one of something before it that says no more. */
  get unreachable(): boolean {
    return this.status === 0 || (this.status >= 502 && this.status <= 504 && this.detail === "");
  }
}

export interface Answer<T> {
  data: T;
  etag: string | null;
}

export interface CallOptions {
  body?: unknown;
  /** Files and fields in place of a body. */
  form?: FormData;
  ifMatch?: string | null;
  signal?: AbortSignal;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

async function problem(response: Response): Promise<ApiError> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    body = null;
  }
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const title = text(fields["title"]) || response.statusText || `HTTP ${response.status}`;
  const trace = text(fields["trace_id"]);
  return new ApiError(response.status, title, text(fields["detail"]), trace || null);
}

/** Call `path` under /api/v1; rejects with an ApiError, or with an AbortError when cancelled. */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-Cantor-Request"] = "1";
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (options.ifMatch) headers["If-Match"] = options.ifMatch;
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      body: options.form ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
      signal: options.signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "", "");
  }
  if (!response.ok) throw await problem(response);
  const empty = response.status === 204 || response.headers.get("content-length") === "0";
  const data = (empty ? undefined : await response.json()) as T;
  return { data, etag: response.headers.get("etag") };
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call<T>("GET", path, { signal })).data;
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return (await call<T>("POST", path, { body })).data;
}

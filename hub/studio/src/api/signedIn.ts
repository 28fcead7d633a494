/** Whether this browser was signed in: one that no longer is has a session that ended. */
const STORED = "cantor-signed-in";

export function rememberSignedIn(signedIn: boolean): void {
  if (signedIn) localStorage.setItem(STORED, "1");
  else localStorage.removeItem(STORED);
}

export function wasSignedIn(): boolean {
  return localStorage.getItem(STORED) === "1";
}

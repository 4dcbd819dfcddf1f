/* The page's side of the widget: a verifier, its challenge, and tokens for the code (RFC 7636). */

/** A verifier of 256 bits; keep it in the page, for one sign-in. */
export function makeVerifier() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** The challenge of a verifier, by S256. Works in secure contexts: https, or this machine. */
export async function challengeOf(verifier) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

/** The tokens for a code that this <rollcall-sign-in> ended with. Throws the problem if refused. */
export async function exchange(widget, code, verifier) {
  const api = widget.getAttribute("api") || new URL(import.meta.url).origin;
  const response = await fetch(new URL("/api/auth/token", api), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "omit",
    body: JSON.stringify({
      client_id: widget.getAttribute("client-id"),
      code,
      code_verifier: verifier,
    }),
  });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.detail), answer);
  return answer;
}

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

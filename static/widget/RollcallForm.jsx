/* Signing in to Rollcall with two inputs of your own, for those who style everything. */
import { useState } from "react";

async function ask(api, path, body) {
  const response = await fetch(new URL(`/api/auth/${path}`, api), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "omit",
    body: JSON.stringify(body),
  }).catch(() => null);
  if (!response) throw new Error("Rollcall cannot be reached.");
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.detail), answer);
  return answer;
}

/** Whom somebody means: what begins with a plus is a WhatsApp number, all else a mail address. */
function whomOf(typed) {
  const text = typed.trim();
  return text.startsWith("+") ? { phone: `+${text.replace(/\D/g, "")}` } : { email: text };
}

export default function RollcallForm({ api, clientId, onTokens }) {
  const [sentTo, setSentTo] = useState(null);
  const [trouble, setTrouble] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function submit(event) {
    event.preventDefault();
    const typed = Object.fromEntries(new FormData(event.currentTarget));
    setBusy(true);
    setTrouble("");
    try {
      if (!sentTo) {
        const whom = whomOf(typed.username);
        await ask(api, "request-otp", { client_id: clientId, ...whom });
        setSentTo(whom);
      } else {
        const pkce = await import(/* @vite-ignore */ `${api}/static/widget/pkce.js`);
        const verifier = pkce.makeVerifier();
        const { code } = await ask(api, "verify-otp", {
          client_id: clientId,
          ...sentTo,
          code: typed.code,
          code_challenge: await pkce.challengeOf(verifier),
        });
        const grant = { client_id: clientId, code, code_verifier: verifier };
        onTokens(await ask(api, "token", grant));
      }
    } catch (error) {
      setTrouble(error.message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} noValidate>
      {!sentTo ? (
        <label>
          Email or WhatsApp number, beginning with +
          <input
            key="username" name="username" type="text" inputMode="email" autoComplete="username"
            autoCapitalize="none" spellCheck={false} aria-describedby="rollcall-trouble"
          />
        </label>
      ) : (
        <label>
          Code, sent to {sentTo.email ?? sentTo.phone}
          <input
            key="code" name="code" inputMode="numeric" autoComplete="one-time-code" autoFocus
            aria-describedby="rollcall-trouble"
          />
        </label>
      )}
      <p id="rollcall-trouble" role="alert">{trouble}</p>
      <button disabled={isBusy}>{sentTo ? "Sign in" : "Send me a code"}</button>
      {sentTo && <button type="button" onClick={() => setSentTo(null)}>Change</button>}
    </form>
  );
}

/* <rollcall-sign-in> as a React component: it loads the widget, keeps the verifier, and hands you
   the tokens. For React 18 and 19, where the page is of another origin than Rollcall. */
import { useEffect, useLayoutEffect, useRef, useState } from "react";

export default function RollcallSignIn({
  api, clientId, onTokens, onReady, onCodeSent, onSuccess, onError, onState, translations, ...rest
}) {
  const element = useRef(null);
  const [proof, setProof] = useState(null);
  const handlers = useRef({});
  handlers.current = { onTokens, onReady, onCodeSent, onSuccess, onError, onState };

  useEffect(() => {
    let isHere = true;
    (async () => {
      const pkce = await import(/* @vite-ignore */ `${api}/static/widget/pkce.js`);
      await import(/* @vite-ignore */ `${api}/static/widget/rollcall-sign-in.js`);
      const verifier = pkce.makeVerifier();
      const challenge = await pkce.challengeOf(verifier);
      if (isHere) setProof({ verifier, challenge, exchange: pkce.exchange });
    })().catch(({ message }) => handlers.current.onError?.({ code: "unreachable", message }));
    return () => void (isHere = false);
  }, [api]);

  useLayoutEffect(() => {
    const widget = element.current;
    if (!widget) return undefined;
    if (translations) widget.translations = translations;
    const names = {
      ready: "onReady", "code-sent": "onCodeSent", success: "onSuccess", error: "onError",
      state: "onState",
    };
    const listen = async ({ type, detail }) => {
      const name = type.replace("rollcall-", "");
      handlers.current[names[name]]?.(detail);
      if (name !== "success" || !detail.code || !handlers.current.onTokens) return;
      await proof.exchange(widget, detail.code, proof.verifier)
        .then((tokens) => handlers.current.onTokens(tokens))
        .catch((problem) => handlers.current.onError?.(problem));
    };
    for (const name in names) widget.addEventListener(`rollcall-${name}`, listen);
    return () => {
      for (const name in names) widget.removeEventListener(`rollcall-${name}`, listen);
    };
  }, [proof, translations]);

  if (!proof) return null;
  const own = { api, "client-id": clientId, "code-challenge": proof.challenge };
  return <rollcall-sign-in ref={element} {...own} {...rest} />;
}

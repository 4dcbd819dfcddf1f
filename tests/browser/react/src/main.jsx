/* A module of others, made with React: the widget as a component, or the plain form. */
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import RollcallForm from "./RollcallForm.jsx";
import RollcallSignIn from "./RollcallSignIn.jsx";

const asked = new URLSearchParams(location.search);

function Module() {
  const [tokens, setTokens] = useState(null);
  const SignIn = asked.get("form") ? RollcallForm : RollcallSignIn;
  return (
    <>
      <h1>MyModule</h1>
      {tokens ? (
        <p data-welcome>Welcome, {tokens.user.email}</p>
      ) : (
        <SignIn api={asked.get("api")} clientId={asked.get("client")} onTokens={setTokens} />
      )}
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <Module />
  </StrictMode>,
);

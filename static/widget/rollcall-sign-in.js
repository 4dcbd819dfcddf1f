/* <rollcall-sign-in>: sign in to Rollcall from any page, by a code. No dependency, no build.

   On Rollcall's own pages it signs the browser in by the cookie. On a page of another origin it
   ends with a one-time code, which that page exchanges with its verifier at /api/auth/token: no
   token ever passes through here.

   Attributes: api, client-id, channels ("email whatsapp"), lang, theme (auto, light, dark), label,
   prefilled-email, redirect-uri, code-challenge (S256), shadow, autofocus. Properties:
   translations, user, state. Methods: reset(), focus(), signOut(). Children: slot="logo",
   slot="footer", and a link for those without script. Events, all beginning with rollcall-:
   ready, code-sent, success, error, state.
   CSS variables: --rollcall-accent, -on-accent, -radius, -font, -bg, -fg, -error. */

const HOME = new URL(import.meta.url).origin;
const RESEND_AFTER_S = 30;
const GIVE_UP_AFTER_MS = 20_000;
const PATIENCE_MS = 1000;
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

const WORDS = {
  en: {
    label: "Sign in",
    email: "Email",
    phone: "WhatsApp number",
    both: "Email or WhatsApp number",
    phone_hint: "With the country code, such as +44 7700 900123.",
    channel: "Send the code by",
    by_email: "Email",
    by_whatsapp: "WhatsApp",
    send: "Send me a code",
    sending: "Sending…",
    sent: "If {to} can sign in here, a code is on its way. It works for {minutes} minutes.",
    change: "Change",
    code: "Code",
    code_hint: "6 digits. Spaces are fine.",
    sign_in: "Sign in",
    checking: "Checking…",
    resend: "Send it again",
    resend_in: "Send it again in {seconds} s",
    resent: "A new code is on its way, if one can be sent to {to} now.",
    other_way: "Use another way",
    done: "Signed in as {name}",
    sign_out: "Sign out",
    signed_out: "You are signed out.",
    error: "Error:",
    no_email: "Enter an address like name@agency.example",
    no_phone: "Enter a number like +44 7700 900123",
    not_six_digits: "A code has 6 digits; this one has {number}.",
    wrong: "This code does not fit, or has run out. Use the one in the newest message.",
    locked: "Too many tries. Wait {minutes} minutes, or use another way.",
    busy: "We are busy for a moment. Please press the button again.",
    old_page: "This page was open for a long time. Reload it, and try again.",
    unreachable: "Rollcall cannot be reached from here. Check your connection, and try again.",
    not_allowed: "Sign-in is not set up for this page. Its owner can allow it in Rollcall.",
  },
  de: {
    label: "Anmelden",
    email: "E-Mail",
    phone: "WhatsApp-Nummer",
    both: "E-Mail oder WhatsApp-Nummer",
    phone_hint: "Mit Landesvorwahl, etwa +49 1512 3456789.",
    channel: "Code senden per",
    by_email: "E-Mail",
    by_whatsapp: "WhatsApp",
    send: "Code senden",
    sending: "Wird gesendet …",
    sent: "Wenn {to} sich hier anmelden kann, ist ein Code unterwegs. Er gilt {minutes} Minuten.",
    change: "Ändern",
    code: "Code",
    code_hint: "6 Ziffern. Leerzeichen stören nicht.",
    sign_in: "Anmelden",
    checking: "Wird geprüft …",
    resend: "Noch einmal senden",
    resend_in: "Noch einmal senden in {seconds} s",
    resent: "Ein neuer Code ist unterwegs, wenn an {to} jetzt einer gehen kann.",
    other_way: "Anders anmelden",
    done: "Angemeldet als {name}",
    sign_out: "Abmelden",
    signed_out: "Sie sind abgemeldet.",
    error: "Fehler:",
    no_email: "Geben Sie eine Adresse ein wie name@agency.example",
    no_phone: "Geben Sie eine Nummer ein wie +49 1512 3456789",
    not_six_digits: "Ein Code hat 6 Ziffern; dieser hat {number}.",
    wrong: "Dieser Code passt nicht oder ist abgelaufen. Nehmen Sie den neuesten.",
    locked: "Zu viele Versuche. Warten Sie {minutes} Minuten, oder melden Sie sich anders an.",
    busy: "Gerade ist viel los. Bitte drücken Sie noch einmal.",
    old_page: "Diese Seite war lange offen. Laden Sie sie neu und versuchen Sie es noch einmal.",
    unreachable: "Rollcall ist von hier nicht zu erreichen. Prüfen Sie die Verbindung.",
    not_allowed: "Für diese Seite ist die Anmeldung nicht eingerichtet.",
  },
  es: {
    label: "Iniciar sesión",
    email: "Correo electrónico",
    phone: "Número de WhatsApp",
    both: "Correo electrónico o número de WhatsApp",
    phone_hint: "Con el prefijo del país, como +34 612 345 678.",
    channel: "Enviar el código por",
    by_email: "Correo",
    by_whatsapp: "WhatsApp",
    send: "Enviarme un código",
    sending: "Enviando…",
    sent: "Si {to} puede entrar aquí, hay un código en camino. Vale durante {minutes} minutos.",
    change: "Cambiar",
    code: "Código",
    code_hint: "6 cifras. Los espacios no importan.",
    sign_in: "Entrar",
    checking: "Comprobando…",
    resend: "Enviar otra vez",
    resend_in: "Enviar otra vez en {seconds} s",
    resent: "Hay un nuevo código en camino, si ahora se puede enviar uno a {to}.",
    other_way: "Entrar de otra manera",
    done: "Sesión iniciada como {name}",
    sign_out: "Cerrar sesión",
    signed_out: "La sesión está cerrada.",
    error: "Error:",
    no_email: "Escriba una dirección como nombre@agency.example",
    no_phone: "Escriba un número como +34 612 345 678",
    not_six_digits: "Un código tiene 6 cifras; este tiene {number}.",
    wrong: "Este código no es correcto o ha caducado. Use el del mensaje más reciente.",
    locked: "Demasiados intentos. Espere {minutes} minutos o entre de otra manera.",
    busy: "Hay mucha actividad. Pulse el botón otra vez, por favor.",
    old_page: "Esta página llevaba mucho tiempo abierta. Recárguela e inténtelo de nuevo.",
    unreachable: "No se puede llegar a Rollcall desde aquí. Compruebe la conexión.",
    not_allowed: "El acceso no está configurado para esta página.",
  },
};

/** Which words a refusal's code is told in; for others the server's own are. */
const SAID = {
  bad_field: "no_email",
  busy: "busy",
  client_not_allowed: "not_allowed",
  codes_away: "busy",
  csrf: "old_page",
  invalid_code: "wrong",
  ran_out: "wrong",
  signed_out: "old_page",
  unreachable: "unreachable",
  wrong_code: "wrong",
};

/** The style sheet: `host` is the element, `having` it with an attribute, `child` its children. */
const styles = (host, having, child) => `
${host} {
  --accent: var(--rollcall-accent, #0a6659); --on-accent: var(--rollcall-on-accent, #fff);
  --bg: var(--rollcall-bg, #fff); --fg: var(--rollcall-fg, #14211e);
  --error: var(--rollcall-error, #ab2419); --radius: var(--rollcall-radius, .625rem);
  --soft: color-mix(in srgb, var(--fg) 76%, var(--bg));
  --line: color-mix(in srgb, var(--fg) 58%, var(--bg));
  display: block; box-sizing: border-box; max-width: 26rem; padding: 1.5rem; color-scheme: light;
  border: 1px solid color-mix(in srgb, var(--fg) 16%, var(--bg)); background: var(--bg);
  border-radius: calc(var(--radius) * 1.6); color: var(--fg); text-align: start;
  font: 1rem/1.5 var(
    --rollcall-font, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif
  );
}
${having('[theme="dark"]')} {
  --accent: var(--rollcall-accent, #6bd4bd); --on-accent: var(--rollcall-on-accent, #05231d);
  --bg: var(--rollcall-bg, #16201e); --fg: var(--rollcall-fg, #e8eeeb);
  --error: var(--rollcall-error, #ff9f94); color-scheme: dark;
}
@media (prefers-color-scheme: dark) {
  ${having(':not([theme="light"])')} {
    --accent: var(--rollcall-accent, #6bd4bd); --on-accent: var(--rollcall-on-accent, #05231d);
    --bg: var(--rollcall-bg, #16201e); --fg: var(--rollcall-fg, #e8eeeb);
    --error: var(--rollcall-error, #ff9f94); color-scheme: dark;
  }
}
${having("[hidden]")} { display: none; }
.rollcall, .rollcall * { box-sizing: border-box; }
.rollcall [hidden], ${host} > [hidden] { display: none !important; }
.rollcall-title { margin: 0 0 1rem; font-size: 1.25rem; font-weight: 700; line-height: 1.25; }
.rollcall-field { margin: 0 0 1rem; padding: 0; border: 0; min-width: 0; }
.rollcall-field label, .rollcall-field legend {
  display: block; margin: 0 0 .375rem; padding: 0; font-size: 1rem; font-weight: 600;
}
.rollcall-field .rollcall-choice {
  display: inline-flex; align-items: center; gap: .5rem; min-height: 2.75rem;
  margin: 0 1.5rem 0 0; font-weight: 400;
}
.rollcall-choice input { width: 1.25rem; height: 1.25rem; margin: 0; accent-color: var(--accent); }
.rollcall-hint { margin: 0 0 .5rem; color: var(--soft); }
.rollcall-error { margin: 0 0 .5rem; color: var(--error); font-weight: 600; }
.rollcall-input {
  display: block; width: 100%; min-height: 3rem; margin: 0; padding: .625rem .875rem;
  border: 1px solid var(--line); border-radius: var(--radius); background: var(--bg);
  color: var(--fg); font: inherit;
}
.rollcall-input[aria-invalid="true"] { border: 2px solid var(--error); }
.rollcall-code {
  max-width: 15rem; font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 1.5rem;
  font-weight: 600; letter-spacing: .3em; line-height: 1.3;
}
.rollcall-main, .rollcall-quiet {
  min-height: 2.75rem; border-radius: var(--radius); font: inherit; font-weight: 600;
  cursor: pointer;
}
.rollcall-main {
  display: block; width: 100%; margin: 0; padding: .625rem 1.25rem; border: 1px solid transparent;
  background: var(--accent); color: var(--on-accent);
}
.rollcall-main:hover { filter: brightness(.92); }
.rollcall-quiet {
  display: inline-flex; align-items: center; margin: 0; padding: 0; border: 0; background: none;
  color: var(--accent); text-decoration: underline; text-underline-offset: .2em;
}
.rollcall-quiet[aria-disabled="true"] {
  color: var(--soft); text-decoration: none; cursor: default;
}
.rollcall-more {
  display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin: .5rem 0 0; justify-content: space-between;
}
.rollcall-sent { margin: 0 0 .25rem; overflow-wrap: anywhere; }
.rollcall-status { margin: .75rem 0 0; }
.rollcall-status:empty { margin: 0; }
.rollcall-done { margin: 0; font-size: 1.125rem; font-weight: 600; overflow-wrap: anywhere; }
.rollcall-done:focus { outline: 0 !important; }
${child('[slot="logo"]')} { display: block; margin: 0 0 .75rem; }
${child('[slot="footer"]')} { display: block; margin: 1rem 0 0; }
.rollcall :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (forced-colors: active) { .rollcall-main { border-color: ButtonText; } }
`;

const sheets = {};

/** The style sheet of the light or of the shadow tree, made once: a host's policy allows these. */
function sheetOf(tree) {
  if (!sheets[tree]) {
    const isShadow = tree === "shadow";
    const host = isShadow ? ":host" : "rollcall-sign-in";
    sheets[tree] = new CSSStyleSheet();
    const having = (what) => (isShadow ? `:host(${what})` : host + what);
    const child = (what) => (isShadow ? `::slotted(${what})` : `${host} > ${what}`);
    sheets[tree].replaceSync(styles(host, having, child));
  }
  return sheets[tree];
}

/** An element with attributes and children; what is null or false is left out. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The ASCII digits of a text, whatever script its digits are written in. */
function digitsOf(text) {
  const isDigit = (point) => /\p{Nd}/u.test(String.fromCodePoint(point));
  return Array.from(text.normalize("NFKC").matchAll(/\p{Nd}/gu), ([digit]) => {
    const point = digit.codePointAt(0);
    let value = 0;
    // The ten digits of a script stand in one row: the distance to its zero is the value.
    while (value < 9 && isDigit(point - value - 1)) value += 1;
    return value;
  }).join("");
}

/** Whether what was typed is meant as a number: a leading +, or at least 7 digits and no @. */
function isPhone(typed) {
  return !typed.includes("@") && (/^\s*\+/.test(typed) || digitsOf(typed).length >= 7);
}

/** A number in E.164, or null where its country is not said. */
function numberOf(typed) {
  const digits = digitsOf(typed);
  const number = /^\s*\+/.test(typed) ? digits : digits.startsWith("00") ? digits.slice(2) : "";
  return /^[1-9]\d{6,14}$/.test(number) ? `+${number}` : null;
}

/** An address or number of which little is to be seen. */
function masked(to) {
  const [name, domain] = to.split("@");
  return domain ? `${Array.from(name)[0]}•••@${domain}` : `•••${to.slice(-2)}`;
}

/** A "no": of the server, of the network, or of what this page was set up with. */
class Trouble extends Error {
  constructor(code, { words = "", status = 0, retryAfter = null } = {}) {
    super(words);
    Object.assign(this, { code, status, retryAfter });
  }
}

let instances = 0;

export class RollcallSignIn extends HTMLElement {
  static observedAttributes = [
    "api", "client-id", "channels", "lang", "label", "prefilled-email", "code-challenge",
  ];

  #id = `rollcall-${++instances}`;
  #box = null;
  #status = null;
  #state = "asleep";
  #run = 0;
  #busy = false;
  #typed = "";
  #channel = "email";
  #sent = null;
  #timer = null;
  #user = null;
  #own = {};
  #token = null;

  /* What hosts set and call. ------------------------------------------------------------------ */

  /** Where it is: asleep, refused, identify, code or done. */
  get state() {
    return this.#state;
  }

  /** Words of the host's own, over those of the language: {send: "Go", …}. */
  get translations() {
    return this.#own;
  }

  set translations(words) {
    this.#own = { ...words };
    this.#draw();
  }

  /** Who is signed in, as the server or the host said it; null for nobody. */
  get user() {
    return this.#user;
  }

  set user(user) {
    this.#user = user ?? null;
    if (this.#box) this.#go(user ? "done" : "identify");
  }

  /** Begin anew: what was typed, sent and known is forgotten. */
  reset() {
    this.#run += 1;
    this.#busy = false;
    this.#user = this.#sent = null;
    this.#typed = this.getAttribute("prefilled-email") ?? "";
    if (this.#box) this.#begin();
  }

  /** Move the focus to what is to be filled in. */
  focus(options) {
    (this.#one(".rollcall-input") ?? this.#one(".rollcall-done"))?.focus(options);
  }

  /** On our own pages end the session; elsewhere the host ends what it holds. Then begin anew. */
  async signOut() {
    if (this.#isOurs) {
      const headers = { "X-CSRFToken": this.#csrf() };
      const answer = await fetch("/logout", { method: "POST", headers }).catch(() => null);
      if (answer) await this.#takeTokenFrom(answer);
    }
    this.reset();
    this.#say(this.#t("signed_out"));
  }

  /* Waking up. -------------------------------------------------------------------------------- */

  connectedCallback() {
    if (this.#box) {
      if (this.#state === "code") this.#countDown();
      return;
    }
    for (const name of ["translations", "user"]) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name]; // Set before the element was known; now its setter takes it.
      delete this[name];
      this[name] = value;
    }
    this.#status = make("p", { class: "rollcall-status", role: "status" });
    this.#box = make("div", { class: "rollcall" }, make("div"), this.#status);
    if (this.hasAttribute("shadow")) this.#standInShadow();
    else this.#standInLight();
    this.#typed = this.getAttribute("prefilled-email") ?? "";
    if (this.#user) this.#go("done");
    else if (!this.#missing()) this.#begin();
    // A challenge is computed by the page, and may come after the element: until then it sleeps.
    else this.#timer = setTimeout(() => this.#begin(), PATIENCE_MS);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  attributeChangedCallback(name, before, now) {
    if (!this.#box || before === now) return;
    if (name === "prefilled-email" && this.#state === "identify") this.#typed = now ?? "";
    if (this.#state === "refused" || (this.#state === "asleep" && !this.#missing())) this.#begin();
    else if (this.#state !== "asleep") this.#draw();
  }

  #standInShadow() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheetOf("shadow")];
    root.replaceChildren(
      make("slot", { name: "logo" }), this.#box, make("slot", { name: "footer" }),
    );
  }

  #standInLight() {
    const root = this.getRootNode();
    if (!root.adoptedStyleSheets.includes(sheetOf("light"))) {
      root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheetOf("light")];
    }
    this.insertBefore(this.#box, this.querySelector(':scope > [slot="footer"]'));
  }

  #begin() {
    const wrong = this.#missing();
    this.#go(wrong ? "refused" : "identify");
    if (!wrong && this.hasAttribute("autofocus")) this.focus();
    // Listeners of the page may be added after this very moment.
    setTimeout(() => {
      if (!wrong) this.#emit("ready", {});
      else this.#emitError(wrong, this.#t("not_allowed"), null);
    });
  }

  /** What the page left out, as the code of an error; null where all is there. */
  #missing() {
    if (this.#isOurs) return null;
    if (!this.getAttribute("client-id")) return "no_client_id";
    if (!CHALLENGE.test(this.getAttribute("code-challenge") ?? "")) return "no_code_challenge";
    return this.hasAttribute("redirect-uri") && !this.#target ? "bad_redirect_uri" : null;
  }

  /** Where to go in the end: within this origin, for a code is its page's and nobody else's. */
  get #target() {
    const named = this.getAttribute("redirect-uri");
    if (!named || !URL.canParse(named, location.href)) return null;
    const url = new URL(named, location.href);
    return url.origin === location.origin ? url : null;
  }

  get #api() {
    return new URL(this.getAttribute("api") || HOME, location.href).origin;
  }

  get #isOurs() {
    return this.#api === location.origin;
  }

  get #channels() {
    const named = (this.getAttribute("channels") ?? "email").split(/[\s,]+/);
    const known = named.filter((each) => each === "email" || each === "whatsapp");
    return known.length ? known : ["email"];
  }

  get #otherWay() {
    return this.querySelector(":scope > a[href]")?.href ?? `${this.#api}/login`;
  }

  /* Drawing. ---------------------------------------------------------------------------------- */

  #t(key, values = {}) {
    const wanted = this.getAttribute("lang") || this.closest("[lang]")?.lang || "en";
    const words = { ...WORDS.en, ...WORDS[wanted.toLowerCase().split("-")[0]], ...this.#own };
    return words[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  #go(state) {
    this.#state = state;
    if (!this.shadowRoot) {
      // What stood in for it is for those without script.
      for (const child of this.children) child.hidden ||= child !== this.#box && !child.slot;
    }
    this.#say("");
    this.#draw();
    this.#emit("state", { state });
  }

  #draw() {
    if (!this.#box) return;
    clearTimeout(this.#timer);
    const title = this.getAttribute("label") || this.#t("label");
    const heading = make("p", { class: "rollcall-title", id: `${this.#id}-title` }, title);
    const step = {
      refused: () => [heading, this.#refusal()],
      identify: () => [heading, this.#identifyForm()],
      code: () => [heading, this.#codeForm()],
      done: () => this.#welcome(),
    }[this.#state];
    if (step) this.#box.firstElementChild.replaceChildren(...step());
    if (this.#state === "code") this.#countDown();
  }

  #refusal() {
    return make(
      "div", {},
      make("p", { class: "rollcall-error", role: "alert" }, this.#t("not_allowed")),
      make("a", { class: "rollcall-quiet", href: this.#otherWay }, this.#t("other_way")),
    );
  }

  #identifyForm() {
    const channels = this.#channels;
    const both = channels.length > 1;
    if (!channels.includes(this.#channel)) [this.#channel] = channels;
    const phone = !both && channels[0] === "whatsapp";
    return this.#form(
      this.#ask,
      this.#field(both ? "both" : phone ? "phone" : "email", both || phone ? "phone_hint" : null, {
        type: both ? "text" : phone ? "tel" : "email",
        name: "username",
        autocomplete: phone ? "tel" : "username",
        inputmode: phone ? "tel" : "email",
        value: this.#typed,
        oninput: (event) => this.#note(event.target.value),
      }),
      both ? this.#choice() : null,
      make("button", { class: "rollcall-main", type: "submit" }, this.#t("send")),
      make(
        "div", { class: "rollcall-more" },
        make("a", { class: "rollcall-quiet", href: this.#otherWay }, this.#t("other_way")),
      ),
    );
  }

  #codeForm() {
    const { to, minutes } = this.#sent;
    return this.#form(
      this.#prove,
      make("p", { class: "rollcall-sent" }, this.#t("sent", { to, minutes })),
      this.#quiet("change", () => this.#change()),
      this.#field("code", "code_hint", {
        type: "text",
        name: "code",
        autocomplete: "one-time-code",
        inputmode: "numeric",
        class: "rollcall-input rollcall-code",
        onpaste: (event) => this.#paste(event),
      }),
      make("button", { class: "rollcall-main", type: "submit" }, this.#t("sign_in")),
      make(
        "div", { class: "rollcall-more" },
        this.#quiet("resend", () => this.#resend(), "rollcall-resend"),
        make("a", { class: "rollcall-quiet", href: this.#otherWay }, this.#t("other_way")),
      ),
    );
  }

  #welcome() {
    const name = this.#user?.name || this.#user?.email || this.#sent?.to || "";
    return [
      make("p", { class: "rollcall-done", tabindex: "-1" }, this.#t("done", { name })),
      this.#isOurs ? this.#quiet("sign_out", () => this.signOut()) : "",
    ];
  }

  #form(send, ...children) {
    const onsubmit = (event) => {
      event.preventDefault();
      this.#once(send);
    };
    const named = `${this.#id}-title`;
    return make("form", { novalidate: true, "aria-labelledby": named, onsubmit }, ...children);
  }

  #field(label, hint, attributes) {
    const id = `${this.#id}-${attributes.name}`;
    return make(
      "div", { class: "rollcall-field" },
      make("label", { for: id }, this.#t(label)),
      hint ? make("p", { class: "rollcall-hint", id: `${id}-hint` }, this.#t(hint)) : null,
      make("p", { class: "rollcall-error", id: `${id}-error`, hidden: true }),
      make("input", {
        id, class: "rollcall-input", autocapitalize: "none", spellcheck: "false",
        "aria-describedby": hint ? `${id}-hint` : null, ...attributes,
      }),
    );
  }

  #choice() {
    const option = (channel) => {
      const id = `${this.#id}-by-${channel}`;
      const onchange = () => (this.#channel = channel);
      const checked = this.#channel === channel;
      const name = `${this.#id}-channel`;
      const radio = make("input", { id, type: "radio", name, value: channel, checked, onchange });
      const words = this.#t(`by_${channel}`);
      return make("label", { class: "rollcall-choice", for: id }, radio, words);
    };
    const legend = make("legend", {}, this.#t("channel"));
    return make("fieldset", { class: "rollcall-field" }, legend, ...this.#channels.map(option));
  }

  #quiet(words, onclick, more = "") {
    const kind = `rollcall-quiet ${more}`.trim();
    return make("button", { class: kind, type: "button", onclick }, this.#t(words));
  }

  #one(selector) {
    return this.#box?.querySelector(selector) ?? null;
  }

  #say(words) {
    if (this.#status) this.#status.textContent = words;
  }

  /** What is wrong, at the field, which the focus goes to. */
  #complain(words) {
    const input = this.#one(".rollcall-input");
    const place = this.#one(".rollcall-error");
    if (!input || !place) return;
    place.textContent = `${this.#t("error")} ${words}`;
    place.hidden = false;
    const hint = input.getAttribute("aria-describedby")?.split(" ").filter((id) => id !== place.id);
    input.setAttribute("aria-describedby", [place.id, ...(hint ?? [])].join(" "));
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }

  #countDown() {
    const button = this.#one(".rollcall-resend");
    const tick = () => {
      const seconds = Math.ceil((this.#sent.again - Date.now()) / 1000);
      button.setAttribute("aria-disabled", String(seconds > 0));
      button.textContent = seconds > 0 ? this.#t("resend_in", { seconds }) : this.#t("resend");
      if (seconds > 0) this.#timer = setTimeout(tick, 1000);
    };
    clearTimeout(this.#timer);
    tick();
  }

  /* What people do. --------------------------------------------------------------------------- */

  #note(typed) {
    this.#typed = typed;
    if (this.#channels.length < 2) return;
    const meant = typed.includes("@") ? "email" : isPhone(typed) ? "whatsapp" : this.#channel;
    this.#channel = meant;
    this.#one(`input[value="${meant}"]`).checked = true;
  }

  #paste(event) {
    const digits = digitsOf(event.clipboardData?.getData("text") ?? "");
    if (!digits) return;
    event.preventDefault();
    const field = event.target;
    field.setRangeText(digits, field.selectionStart, field.selectionEnd, "end");
  }

  #change() {
    this.#run += 1;
    this.#busy = false;
    this.#go("identify");
    this.focus();
  }

  /** Run what talks to the server, one at a time, and tell what went wrong. */
  async #once(send) {
    if (this.#busy) return;
    const mine = ++this.#run;
    const button = this.#one(".rollcall-main");
    this.#busy = true;
    button?.setAttribute("aria-disabled", "true");
    try {
      await send.call(this, () => mine === this.#run);
    } catch (trouble) {
      if (!(trouble instanceof Trouble)) throw trouble;
      if (mine === this.#run) this.#tell(trouble);
    } finally {
      if (mine === this.#run) this.#busy = false;
      button?.removeAttribute("aria-disabled");
    }
  }

  #tell(trouble) {
    const minutes = Math.max(1, Math.ceil((trouble.retryAfter ?? 60) / 60));
    const isNumber = trouble.code === "bad_field" && this.#channel === "whatsapp";
    const known = trouble.status === 429 ? "locked" : isNumber ? "no_phone" : SAID[trouble.code];
    const words = known ? this.#t(known, { minutes }) : trouble.message || this.#t("unreachable");
    this.#say("");
    this.#complain(words);
    this.#emitError(trouble.code, words, trouble.retryAfter);
  }

  async #ask(isStill) {
    const typed = this.#typed.trim();
    const byPhone = this.#channel === "whatsapp";
    const to = byPhone ? numberOf(typed) : typed;
    if (!to || (!byPhone && !/^\S+@\S+$/.test(typed))) {
      this.#complain(this.#t(byPhone ? "no_phone" : "no_email"));
      return;
    }
    await this.#send(to, byPhone ? "whatsapp" : "email", isStill);
    if (!isStill()) return;
    this.#go("code");
    this.focus();
  }

  #resend() {
    if (this.#one(".rollcall-resend").getAttribute("aria-disabled") === "true") return;
    this.#once(async (isStill) => {
      const { to, channel } = this.#sent;
      await this.#send(to, channel, isStill);
      if (!isStill()) return;
      this.#countDown();
      this.#say(this.#t("resent", { to }));
    });
  }

  async #send(to, channel, isStill) {
    this.#say(this.#t("sending"));
    const whom = channel === "email" ? { email: to } : { phone: to };
    const path = this.#isOurs ? "/login/code/ask" : "/api/auth/request-otp";
    const answer = await this.#post(path, whom);
    if (!isStill()) return;
    const again = Date.now() + RESEND_AFTER_S * 1000;
    this.#sent = { to, channel, whom, minutes: Math.round(answer.expires_in / 60), again };
    const told = { channel, to_masked: masked(to), expires_in: answer.expires_in };
    this.#emit("code-sent", told);
  }

  async #prove(isStill) {
    const typed = this.#one(".rollcall-code").value;
    const digits = digitsOf(typed);
    if (digits.length !== 6) {
      this.#complain(this.#t("not_six_digits", { number: digits.length }));
      return;
    }
    this.#say(this.#t("checking"));
    const proof = { ...this.#sent.whom, code: digits };
    if (!this.#isOurs) proof.code_challenge = this.getAttribute("code-challenge");
    const answer = await this.#post(
      this.#isOurs ? "/login/code/prove" : "/api/auth/verify-otp", proof,
    );
    if (isStill()) this.#finish(answer);
  }

  #finish(answer) {
    this.#token = answer.csrf_token ?? null;
    this.#user = this.#isOurs ? answer.user : null;
    this.#go("done");
    this.focus();
    this.#emit("success", { code: this.#isOurs ? null : answer.code, user: this.#user });
    const target = this.#target;
    if (!target) return;
    if (!this.#isOurs) target.searchParams.set("code", answer.code);
    location.assign(target);
  }

  /* Talking to the server. -------------------------------------------------------------------- */

  #csrf() {
    return this.#token ?? document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  }

  /** The token of a page of ours, which goes with the cookie that the page came with. */
  async #takeTokenFrom(answer) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    this.#token = page.querySelector('meta[name="csrf-token"]')?.content ?? null;
  }

  async #post(path, body, isSecond = false) {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    if (this.#isOurs) headers["X-CSRFToken"] = this.#csrf();
    else body = { client_id: this.getAttribute("client-id"), ...body };
    let response;
    try {
      response = await fetch(new URL(path, this.#api), {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        credentials: this.#isOurs ? "same-origin" : "omit",
        signal: AbortSignal.timeout(GIVE_UP_AFTER_MS),
      });
    } catch {
      throw new Trouble("unreachable");
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    if (this.#isOurs && !isSecond && SAID[answer.code] === "old_page") {
      // The token went with a cookie that is no longer: another tab signed in or out.
      await this.#takeTokenFrom(await fetch("/login"));
      return this.#post(path, body, true);
    }
    throw new Trouble(answer.code ?? `http_${response.status}`, {
      words: answer.detail ?? answer.error,
      status: response.status,
      retryAfter: Number(response.headers.get("Retry-After")) || null,
    });
  }

  #emitError(code, message, after) {
    this.#emit("error", { code, message, retry_after: after });
  }

  #emit(name, detail) {
    const event = { bubbles: true, composed: true, detail };
    this.dispatchEvent(new CustomEvent(`rollcall-${name}`, event));
  }
}

if (!customElements.get("rollcall-sign-in")) {
  customElements.define("rollcall-sign-in", RollcallSignIn);
}

/* The page about the widget: the preview and the snippet follow the options. */

const form = document.querySelector("[data-embed]");
const place = document.querySelector("[data-preview]");
const snippet = document.getElementById("snippet");

/** Take the preview and the snippet from the page that the options make. */
async function follow() {
  const query = new URLSearchParams(new FormData(form));
  query.delete("origin"); // It is checked when the button is pressed.
  const response = await fetch(`${form.action}?${query}`);
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  snippet.textContent = page.getElementById("snippet").textContent;
  const before = place.querySelector("rollcall-sign-in");
  const made = page.querySelector("rollcall-sign-in");
  if (before.hasAttribute("shadow") === made.hasAttribute("shadow")) {
    for (const name of ["channels", "lang", "theme", "label"]) {
      if (made.hasAttribute(name)) before.setAttribute(name, made.getAttribute(name));
      else before.removeAttribute(name);
    }
  } else {
    before.replaceWith(document.importNode(made, true));
  }
}

let waiting;
form.addEventListener("input", (event) => {
  if (event.target.name === "origin") return;
  clearTimeout(waiting);
  waiting = setTimeout(follow, 250);
});

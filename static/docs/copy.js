/* Copies lines of an example: <button data-copy="Copied"> in the figure that holds them. */

const SAID_FOR_MS = 2_000;

for (const button of document.querySelectorAll("[data-copy]")) {
  const word = button.firstElementChild;
  const name = word.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.closest("figure").querySelector("pre").textContent);
    word.textContent = button.dataset.copy;
    setTimeout(() => { word.textContent = name; }, SAID_FOR_MS);
  });
  // Browsers lend the clipboard to pages that nobody can tamper with on the way.
  button.hidden = !navigator.clipboard;
}

"use strict";
// Asks for the report again, and puts what has changed in place of what was there. What is open, focused or
// scrolled stays so.
(() => {
  const seconds = Number(document.documentElement.dataset.live);
  const status = document.getElementById("live-status");
  const looked = document.getElementById("looked");
  const pause = document.getElementById("pause");
  let paused = false;

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
  });

  function say(text) {
    if (status.textContent !== text) status.textContent = text;
  }

  function replace(old, fresh) {
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    for (const one of old.querySelectorAll("details[open]")) {
      const same = fresh.querySelector("#" + CSS.escape(one.id));
      if (same) same.open = true;
    }
    const scrolled = [...old.querySelectorAll(".scroll")].map((one) => [one.id, one.scrollLeft, one.scrollTop]);
    old.replaceWith(fresh);
    for (const [id, left, top] of scrolled) document.getElementById(id)?.scrollTo(left, top);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  async function look() {
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      const text = await answer.text();
      const fresh = new DOMParser().parseFromString(text, "text/html");
      const parts = [...document.querySelectorAll("[data-part]")];
      const others = [...fresh.querySelectorAll("[data-part]")];
      if (parts.map((one) => one.id).join() !== others.map((one) => one.id).join()) {
        location.reload();
        return;
      }
      parts.forEach((one, place) => {
        const source = others[place].outerHTML;
        if (source !== sources.get(one.id)) {
          sources.set(one.id, source);
          replace(one, others[place]);
        }
      });
      say("");
      looked.textContent = `Last at ${new Date().toISOString().slice(11, 19)} UTC.`;
    } catch {
      say("The report cannot be reached: it has been stopped, or is starting again.");
    }
  }

  const sources = new Map([...document.querySelectorAll("[data-part]")].map((one) => [one.id, one.outerHTML]));
  setInterval(look, seconds * 1000);
})();

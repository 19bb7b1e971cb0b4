"use strict";
/* Remembered choices. */
const remembered = {
  get(name) { try { return localStorage.getItem("luthier." + name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem("luthier." + name, value); } catch { /* private windows may not */ } },
};
const page = location.pathname.split("/")[1];
if (page === "en" || page === "zh") {
  document.documentElement.lang = page;
  remembered.set("language", page);
}
const wish = remembered.get("theme");
const shade = (dark) => document.body && document.body.classList.toggle("dark", dark);
if (wish) {
  const apply = () => shade(wish === "dark");
  apply();
  addEventListener("DOMContentLoaded", apply);
  for (const later of [300, 1200]) setTimeout(apply, later); /* the library sets the browser's own choice while it loads */
}

document.addEventListener("click", (event) => {
  const language = event.target.closest("[data-language]");
  if (language) document.cookie = `luthier_language=${language.dataset.language}; path=/; max-age=31536000; samesite=strict`;
  if (event.target.closest(".lt-theme")) {
    const dark = !document.body.classList.contains("dark");
    shade(dark);
    remembered.set("theme", dark ? "dark" : "light");
  }
  const heading = event.target.closest(".lt-sort");
  if (heading) sortBy(heading.closest("th"));
});

/* A heading sorts its table; what was not measured stays at the end. */
function sortBy(heading) {
  const table = heading.closest("table"), column = heading.cellIndex, body = table.tBodies[0];
  const numeric = heading.classList.contains("number");
  const first = numeric ? "descending" : "ascending";
  const direction = heading.getAttribute("aria-sort") === first ? (numeric ? "ascending" : "descending") : first;
  table.tHead.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", direction);
  const value = (row) => row.cells[column].dataset.value;
  const order = (a, b) => (a === "") - (b === "") || (direction === "ascending" ? 1 : -1) * (numeric ? a - b : a.localeCompare(b));
  body.append(...[...body.rows].sort((a, b) => order(value(a), value(b))));
}

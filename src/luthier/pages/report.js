"use strict";
const root = document.documentElement;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const remembered = {
  get(name) { try { return localStorage.getItem("luthier." + name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem("luthier." + name, value); } catch { /* a page opened from disk may not */ } },
};
root.classList.add("js");

/* Language and theme */
const search = document.getElementById("search");
function speak(language) {
  root.lang = language;
  if (search) search.placeholder = search.dataset[language];
}
speak(remembered.get("language") || (navigator.language.startsWith("zh") ? "zh" : "en"));
document.getElementById("language").onclick = () => {
  speak(root.lang === "zh" ? "en" : "zh");
  remembered.set("language", root.lang);
};
function shade(theme) { if (theme) root.style.colorScheme = theme; }
shade(remembered.get("theme"));
document.getElementById("theme").onclick = () => {
  const dark = (root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  shade(dark ? "light" : "dark");
  remembered.set("theme", root.style.colorScheme);
};

/* A heading sorts its table; what was not measured stays at the end */
function sortBy(heading) {
  const table = heading.closest("table"), column = heading.cellIndex, body = table.tBodies[0];
  const numeric = heading.classList.contains("number");
  const first = numeric ? "descending" : "ascending";
  const direction = heading.getAttribute("aria-sort") === first ? (numeric ? "ascending" : "descending") : first;
  all("th", table.tHead).forEach((th) => th.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", direction);
  const value = (tr) => tr.cells[column].dataset.value;
  const blank = (v) => v === "—";
  const order = (a, b) => blank(a) - blank(b) || (direction === "ascending" ? 1 : -1) * (numeric ? a - b : a.localeCompare(b));
  body.append(...[...body.rows].sort((a, b) => order(value(a), value(b))));
}
all(".sortable thead button").forEach((button) => { button.onclick = () => sortBy(button.closest("th")); });

/* Rows: a pick shows its own in order; a search goes through all of them */
const rows = all(".row"), holder = document.getElementById("rows"), picks = all("[data-pick]");
const texts = new Map(rows.map((row) => [row, all(".id, .text", row).map((e) => e.textContent).join("\n").toLowerCase()]));
let pick = picks.length ? picks[0].dataset.pick : "";
function show() {
  const sought = search.value.trim().toLowerCase();
  const fits = sought
    ? (row) => texts.get(row).includes(sought)
    : (row) => !pick || pick in row.dataset;
  rows.forEach((row) => { row.hidden = !fits(row); });
  if (pick && !sought) holder.append(...rows.filter(fits).sort((a, b) => a.dataset[pick] - b.dataset[pick]));
  picks.forEach((button) => button.setAttribute("aria-pressed", String(!sought && button.dataset.pick === pick)));
  document.getElementById("shown").textContent = rows.filter((row) => !row.hidden).length;
}
if (rows.length) {
  picks.forEach((button) => { button.onclick = () => { pick = button.dataset.pick; search.value = ""; show(); }; });
  search.oninput = show;
  show();
}

/* Paper shows what is on the screen, opened */
addEventListener("beforeprint", () => all("details:not([hidden])").forEach((d) => { d.open = true; }));

const copy = document.getElementById("copy");
if (copy) copy.onclick = () => navigator.clipboard.writeText(document.getElementById("command").textContent);

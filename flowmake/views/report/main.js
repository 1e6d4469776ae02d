// Puts the parts together: one selection, one search, one theme.

const texts = page.tasks.map((task) => {
  const paths = [...(task.inputs ?? []), ...(task.outputs ?? [])].map((index) => page.files[index][0]);
  return [task.name, task.description, task.command, ...(task.tags ?? []), ...paths].join("\n").toLowerCase();
});
/** What is searched for, and the status that is asked for, null for all. @type {{words: string[], status: string | null}} */
const wanted = { words: [], status: null };

/** @type {App} */
const app = {
  select(task) {
    if (task < 0) return;
    tip("");
    mark(task);
    details.task(task);
    link(`#task=${encodeURIComponent(page.tasks[task].name)}`);
  },
  group(box) {
    details.group(box);
    link(`#task=${encodeURIComponent(box.name)}`);
  },
  matches(task) {
    if (wanted.status !== null && (page.tasks[task].status ?? "") !== wanted.status) return false;
    return wanted.words.every((word) => texts[task].includes(word));
  },
};

const details = new Details(() => {
  mark(-1);
  link("");
});
const graph = page.drawings.length ? new Graph(app) : null;
const timeline = page.spans.length ? new Timeline(app) : null;
const table = new Table(app);

/** @param {number} task */
function mark(task) {
  graph?.select(task);
  timeline?.select(task);
  table.select(task);
}

/** @param {string} hash */
function link(hash) {
  history.replaceState(null, "", hash || location.pathname + location.search);
}

function refresh() {
  table.shown = FIRST_ROWS;
  table.draw();
  graph?.draw();
  timeline?.draw();
  const count = page.tasks.filter((_, index) => app.matches(index)).length;
  const all = !wanted.words.length && wanted.status === null;
  byId("found").textContent = all ? "" : `${count} of ${page.tasks.length} tasks`;
}

function setUpSearch() {
  const field = /** @type {HTMLInputElement} */ (byId("search"));
  field.addEventListener("input", () => {
    wanted.words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    refresh();
  });
  field.addEventListener("keydown", (event) => {
    const first = table.body.rows[0];
    if (event.key === "Enter" && first) app.select(Number(first.dataset.row));
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      field.focus();
    }
  });
}

/** A button for each status that occurs: only tasks that ended so. */
function setUpChips() {
  const present = ORDER.filter((status) => page.tasks.some((task) => (task.status ?? "") === status));
  if (present.length < 2) return;
  for (const status of present) {
    const count = page.tasks.filter((task) => (task.status ?? "") === status).length;
    const chip = html("button", { type: "button", "aria-pressed": "false" }, `${look(status).sign} ${look(status).words} ${count}`);
    chip.addEventListener("click", () => {
      wanted.status = wanted.status === status ? null : status;
      for (const other of byId("chips").children) other.setAttribute("aria-pressed", String(other === chip && wanted.status !== null));
      refresh();
    });
    byId("chips").append(chip);
  }
}

function setUpLegend() {
  const present = ORDER.filter((status) => page.tasks.some((task) => (task.status ?? "") === status));
  for (const status of present) {
    byId("legend").append(html("li", { class: classOf(status) }, html("span", { class: "glyph", "aria-hidden": "true" }, look(status).sign), look(status).words));
  }
  if (page.tasks.some((task) => task.critical)) {
    byId("legend").append(html("li", { class: "critical" }, html("span", { class: "glyph" }), "critical path"));
  }
}

function setUpDetail() {
  const button = byId("detail");
  if (page.drawings.length < 2 || !graph) return;
  button.hidden = false;
  showDetail();
  button.addEventListener("click", () => {
    graph.mark(-1);
    graph.show(1 - graph.shown);
    showDetail();
  });
}

function setUpTheme() {
  const themes = /** @type {[string, string][]} */ ([["auto", "light dark"], ["light", "light"], ["dark", "dark"]]);
  let current = 0;
  byId("theme").addEventListener("click", () => {
    current = (current + 1) % themes.length;
    document.documentElement.style.colorScheme = themes[current][1];
    byId("theme").textContent = `Theme: ${themes[current][0]}`;
  });
}

/** What the address names: a task, or a name for several. */
function openLinked() {
  const found = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
  const name = found.get("task") ?? "";
  const task = numberOf.get(name);
  if (task !== undefined) app.select(task);
  else if (graph?.openNamed(name)) showDetail();
}

/** Whether the drawing with every instance is the one that is shown. */
function showDetail() {
  byId("detail").setAttribute("aria-pressed", String(graph?.shown !== graph?.fewest()));
}

document.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("button[data-task]");
  if (!button) return;
  app.select(Number(button.getAttribute("data-task")));
});
setUpSearch();
setUpChips();
setUpLegend();
setUpDetail();
setUpTheme();
addEventListener("hashchange", openLinked);
openLinked();

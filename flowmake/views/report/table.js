// The table of tasks: sorted by any column, narrowed by the search, and never longer than a browser likes.

const FIRST_ROWS = 100;
const MORE_ROWS = 400;

/** @typedef {{title: string, classes?: string, key: (task: Task) => string | number, cell: (task: Task, index: number) => Node | string}} Column */

/** What is not there comes last in either direction. @param {number | undefined} value */
function orLast(value) {
  return value ?? NaN;
}

/** @type {Column[]} */
const COLUMNS = [
  {
    title: "Status",
    key: (task) => ORDER.indexOf(task.status ?? ""),
    cell: (task) => html("span", { class: `status ${classOf(task.status)}` }, `${look(task.status).sign} ${look(task.status).words}`),
  },
  { title: "Task", classes: "name", key: (task) => task.name, cell: (task, index) => html("button", { type: "button", class: "link", "data-task": index }, task.name) },
  { title: "Took", classes: "number", key: (task) => orLast(task.seconds), cell: (task) => duration(task.seconds) },
  { title: "Before", classes: "number wide", key: (task) => orLast(task.before), cell: (task) => duration(task.before) },
  { title: "Started", classes: "number wide", key: (task) => orLast(task.started), cell: (task) => (task.started === undefined ? "" : `+${duration(task.started)}`) },
  { title: "Now", classes: "now wide", key: (task) => task.now ?? "", cell: (task) => task.now ?? "" },
  { title: "Why", classes: "why wide", key: (task) => task.ended || task.why || "\uffff", cell: (task) => task.ended || task.why || "" },
];

class Table {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    /** By status, so that what failed is seen first. */
    this.sorted = 0;
    this.down = false;
    this.shown = FIRST_ROWS;
    this.selected = -1;
    this.body = /** @type {HTMLTableSectionElement} */ (document.querySelector("#table tbody"));
    this.more = /** @type {HTMLButtonElement} */ (byId("more"));
    const head = /** @type {HTMLTableRowElement} */ (document.querySelector("#table thead tr"));
    this.heads = COLUMNS.map((column, index) => {
      const button = html("button", { type: "button" }, column.title);
      button.addEventListener("click", () => this.sort(index));
      return html("th", { scope: "col", class: column.classes }, button);
    });
    head.append(...this.heads);
    this.body.addEventListener("click", (event) => {
      const target = /** @type {Element} */ (event.target);
      const row = target.closest("tr");
      if (row && !target.closest("button") && !getSelection()?.toString()) this.app.select(Number(row.dataset.row));
    });
    this.more.addEventListener("click", () => {
      this.shown += MORE_ROWS;
      this.draw();
    });
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.order = page.tasks.map((_, index) => index);
    this.arrange();
  }

  /** By a column; the second time the other way round. @param {number} column */
  sort(column) {
    this.down = this.sorted === column && !this.down;
    this.sorted = column;
    this.arrange();
  }

  arrange() {
    const column = this.sorted;
    const keys = page.tasks.map(COLUMNS[column].key);
    const sign = this.down ? -1 : 1;
    const collator = new Intl.Collator(undefined, { numeric: true });
    this.order.sort((a, b) => {
      const [left, right] = [keys[a], keys[b]];
      if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right)) || a - b;
      const order = typeof left === "number" ? left - Number(right) : collator.compare(left, String(right));
      return sign * order || a - b;
    });
    for (const [index, head] of this.heads.entries()) {
      if (index === column) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.shown = FIRST_ROWS;
    this.draw();
  }

  draw() {
    const found = this.order.filter((index) => this.app.matches(index));
    this.body.replaceChildren(...found.slice(0, this.shown).map((index) => this.row(index)));
    const left = found.length - this.shown;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show ${Math.min(left, MORE_ROWS)} more of ${left}`;
  }

  /** From row to row. @param {KeyboardEvent} event */
  key(event) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const row = /** @type {Element} */ (event.target).closest("tr");
    if (!step || !row || event.ctrlKey || event.metaKey || event.altKey) return;
    const other = this.body.rows[row.sectionRowIndex + step];
    other?.querySelector("button")?.focus();
    event.preventDefault();
  }

  /** @param {number} index */
  row(index) {
    const task = page.tasks[index];
    const cells = COLUMNS.map((column) => html("td", { class: column.classes }, column.cell(task, index)));
    return html("tr", { "data-row": index, class: index === this.selected ? "selected" : undefined }, ...cells);
  }

  /** @param {number} task */
  select(task) {
    this.selected = task;
    for (const row of this.body.rows) row.classList.toggle("selected", Number(row.dataset.row) === task);
  }
}


// The timeline: what ran when, a row for each worker.

/** Spans that are elements of their own, the longest; all others are drawn as one path for each status. */
const MOST_SPANS = 500;
const LANE_HEIGHT = 28;
const BAR_HEIGHT = 20;
const AXIS_HEIGHT = 24;
const LEFT = 30;

class Timeline {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.scale = 1;
    this.width = 1;
    /** @type {Map<number, SVGGElement>} */
    this.elements = new Map();
    this.selected = -1;
    this.current = 0;
    this.end = page.spans.reduce((end, span) => Math.max(end, span.end), page.run.seconds || 0.05);
    this.lanes = page.spans.reduce((lanes, span) => Math.max(lanes, span.lane + 1), 1);
    this.frame = byId("lanes");
    this.svg = svg("svg", { class: "lanes", role: "group", "aria-label": "Timeline; arrow keys go from one task to the next, Enter shows it" });
    this.frame.append(this.svg);
    this.byLength = page.spans.map((_, index) => index).sort((a, b) => this.seconds(b) - this.seconds(a));
    this.single = new Set(this.byLength.slice(0, MOST_SPANS));
    this.listen();
    this.draw();
  }

  /** @param {number} index */
  seconds(index) {
    return page.spans[index].end - page.spans[index].start;
  }

  /** Pixels for all of it. */
  room() {
    return Math.max(this.frame.clientWidth, 200) * this.scale;
  }

  /** @param {number} seconds */
  x(seconds) {
    return LEFT + (seconds / this.end) * (this.width - LEFT - 12);
  }

  draw() {
    const height = AXIS_HEIGHT + this.lanes * LANE_HEIGHT + 4;
    this.width = this.room();
    const focused = this.svg.contains(document.activeElement);
    this.svg.setAttribute("width", String(this.width));
    this.svg.setAttribute("height", String(height));
    const drawn = new Set([...this.single, this.current]);
    if (this.selected >= 0) drawn.add(this.selected);
    const spans = svg("g", { class: "spans" });
    spans.append(...this.paths(page.spans.map((_, index) => index).filter((index) => !drawn.has(index))));
    this.elements = new Map([...drawn].sort((a, b) => a - b).map((index) => [index, this.element(index)]));
    spans.append(...this.elements.values());
    this.svg.replaceChildren(...this.background(height), spans);
    if (focused) this.elements.get(this.current)?.focus({ preventScroll: true });
  }

  /** Lanes and the axis. @param {number} height */
  background(height) {
    const parts = [];
    for (let lane = 0; lane < this.lanes; lane++) {
      const y = AXIS_HEIGHT + lane * LANE_HEIGHT;
      parts.push(svg("rect", { class: "lane", x: LEFT, y: y + 1, width: this.width - LEFT - 12, height: LANE_HEIGHT - 2, rx: 4 }));
      parts.push(svg("text", { class: "axis", x: LEFT - 8, y: y + LANE_HEIGHT / 2, "text-anchor": "end" }, String(lane + 1)));
    }
    const step = this.tick();
    for (let at = 0; at <= this.end; at += step) {
      const x = this.x(at);
      parts.push(svg("line", { class: "rule", x1: x, x2: x, y1: AXIS_HEIGHT - 6, y2: height }));
      parts.push(svg("text", { class: "axis", x: x + 4, y: 10 }, this.moment(at, step)));
    }
    return parts;
  }

  /** A time on the axis, with as many digits as it takes to tell it from the next. @param {number} at @param {number} step */
  moment(at, step) {
    if (!at) return "0s";
    if (this.end < 1) return `${Math.round(at * 1000)}ms`;
    return step < 0.1 ? `${at.toFixed(2)}s` : duration(at);
  }

  /** Seconds between two lines of the axis: a round number, with room for the text. */
  tick() {
    const least = (this.end * 80) / Math.max(this.width - LEFT, 1);
    const round = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200];
    return round.find((step) => step >= least) ?? Math.ceil(least / 86400) * 86400;
  }

  /** @param {number} index */
  place(index) {
    const span = page.spans[index];
    const x = this.x(span.start);
    return { x, y: AXIS_HEIGHT + span.lane * LANE_HEIGHT + (LANE_HEIGHT - BAR_HEIGHT) / 2, width: Math.max(this.x(span.end) - x, 2), height: BAR_HEIGHT };
  }

  /** @param {number} index */
  kind(index) {
    const task = this.taskOf(index);
    const parts = [classOf(page.spans[index].status)];
    if (task >= 0 && page.tasks[task].critical) parts.push("critical");
    if (task >= 0 && !this.app.matches(task)) parts.push("dim");
    return parts.join(" ");
  }

  /** @param {number} index */
  taskOf(index) {
    return numberOf.get(page.spans[index].task) ?? -1;
  }

  /** @param {number[]} indices */
  paths(indices) {
    /** @type {Map<string, string>} */
    const paths = new Map();
    for (const index of indices) {
      const { x, y, width } = this.place(index);
      const kind = this.kind(index);
      paths.set(kind, `${paths.get(kind) ?? ""}M${x.toFixed(1)} ${y}h${width.toFixed(1)}v${BAR_HEIGHT}h${(-width).toFixed(1)}z`);
    }
    return [...paths].map(([kind, d]) => svg("path", { class: kind, d }));
  }

  /** @param {number} index */
  element(index) {
    const place = this.place(index);
    const room = Math.floor((place.width - 10) / 6.6) - 2;
    const name = page.spans[index].task;
    const shown = room < 4 ? "" : name.length <= room ? name : `${name.slice(0, room - 1)}…`;
    const element = svg("g", {
      class: this.kind(index) + (index === this.selected ? " selected" : ""),
      role: "button",
      tabindex: index === this.current ? 0 : -1,
      "aria-label": spoken(shown, name, this.label(index)),
      "data-span": index,
    });
    element.append(svg("rect", { ...place, rx: 3 }));
    if (shown) {
      const text = `${look(page.spans[index].status).sign} ${shown}`;
      element.append(svg("text", { x: place.x + 6, y: place.y + BAR_HEIGHT / 2 + 0.5 }, text));
    }
    return element;
  }

  /** @param {number} index */
  label(index) {
    const span = page.spans[index];
    const attempt = span.attempt > 1 || span.status === "retried" ? `, attempt ${span.attempt}` : "";
    const critical = page.tasks[this.taskOf(index)]?.critical ? ", on the critical path" : "";
    return `${span.task}: ${look(span.status).words}, ${duration(this.seconds(index))} from ${duration(span.start)} on${attempt}${critical}`;
  }

  /** Marks the last attempt at a task; -1 for none. @param {number} task */
  select(task) {
    this.selected = task < 0 ? -1 : page.spans.findLastIndex((span) => numberOf.get(span.task) === task);
    if (this.selected >= 0) this.current = this.selected;
    this.draw();
  }

  /** @param {number} factor */
  zoom(factor) {
    const middle = (this.frame.scrollLeft + this.frame.clientWidth / 2) / this.width;
    this.scale = factor ? Math.min(Math.max(this.scale * factor, 1), 64) : 1;
    this.draw();
    this.frame.scrollLeft = middle * this.width - this.frame.clientWidth / 2;
  }

  /** The span under an event. @param {Event} event */
  spanAt(event) {
    const element = /** @type {Element} */ (event.target).closest("[data-span]");
    if (element) return Number(element.getAttribute("data-span"));
    if (!(event instanceof MouseEvent)) return -1;
    const area = this.svg.getBoundingClientRect();
    const [x, y] = [event.clientX - area.left, event.clientY - area.top];
    return page.spans.findIndex((_, index) => {
      const place = this.place(index);
      return x >= place.x && x <= place.x + place.width && y >= place.y && y <= place.y + BAR_HEIGHT;
    });
  }

  listen() {
    this.svg.addEventListener("click", (event) => {
      const index = this.spanAt(event);
      if (index >= 0) this.app.select(this.taskOf(index));
    });
    this.svg.addEventListener("pointermove", (event) => {
      const index = this.spanAt(event);
      tip(index < 0 ? "" : this.label(index), index < 0 ? undefined : new DOMRect(event.clientX, event.clientY, 8, 12));
    });
    this.svg.addEventListener("pointerleave", () => tip(""));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    byId("time-in").addEventListener("click", () => this.zoom(2));
    byId("time-out").addEventListener("click", () => this.zoom(0.5));
    byId("time-fit").addEventListener("click", () => this.zoom(0));
    new ResizeObserver(() => {
      if (this.width !== this.room()) this.draw();
    }).observe(this.frame);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowRight" || event.key === "ArrowDown") this.go(this.current + 1);
    else if (event.key === "ArrowLeft" || event.key === "ArrowUp") this.go(this.current - 1);
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(page.spans.length - 1);
    else if (event.key === "Enter" || event.key === " ") this.app.select(this.taskOf(this.current));
    else return;
    event.preventDefault();
  }

  /** @param {number} index */
  go(index) {
    this.current = Math.min(Math.max(index, 0), page.spans.length - 1);
    this.draw();
    this.elements.get(this.current)?.focus();
  }
}


// The graph: boxes and lines that were laid out beforehand, to be moved, zoomed and walked through.

/** Boxes that are elements of their own; if more are in view, they are drawn as one path for each status. */
const MOST_BOXES = 500;
const BOX_HEIGHT = 30;
const MOST_ZOOM = 2.5;
const READABLE = 0.6;

class Graph {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.shown = 0;
    this.selected = -1;
    this.current = 0;
    this.view = { x: 0, y: 0, scale: 1 };
    /** @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    this.moved = false;
    this.smallest = 0.1;
    /** Nobody has moved it since all of it was brought into view. */
    this.fitted = false;
    this.waiting = 0;
    /** The tasks that each box stands for. @type {number[][]} */
    this.members = [];
    /** The most notable status among them. @type {string[]} */
    this.statuses = [];
    /** The box of each task. @type {Map<number, number>} */
    this.boxOf = new Map();
    const root = /** @type {unknown} */ (byId("drawing"));
    this.svg = /** @type {SVGSVGElement} */ (root);
    this.layer = svg("g");
    this.lines = svg("g");
    this.near = svg("g");
    this.boxes = svg("g");
    this.layer.append(this.lines, this.near, this.boxes);
    this.svg.append(this.layer);
    /** @type {Map<number, SVGGElement>} */
    this.elements = new Map();
    this.listen();
    this.show(innerWidth < 640 && page.drawings.length > 1 ? this.fewest() : 0);
  }

  /** More boxes than are drawn one by one: what is drawn depends on what is in view. */
  get isLarge() {
    return this.drawing.boxes.length > MOST_BOXES;
  }

  get drawing() {
    return page.drawings[this.shown];
  }

  /** The drawing with the fewest boxes. */
  fewest() {
    const sizes = page.drawings.map((drawing) => drawing.boxes.length);
    return sizes.indexOf(Math.min(...sizes));
  }

  /** Draws one of the drawings from the beginning. @param {number} number */
  show(number) {
    this.shown = number;
    this.current = 0;
    this.lines.replaceChildren();
    this.near.replaceChildren();
    this.members = this.drawing.boxes.map((box) => box.tasks.map((name) => numberOf.get(name) ?? -1).filter((i) => i >= 0));
    this.statuses = this.members.map((tasks) => ORDER.find((status) => tasks.some((i) => (page.tasks[i].status ?? "") === status)) ?? "");
    this.boxOf = new Map(this.members.flatMap((tasks, box) => tasks.map((task) => /** @type {[number, number]} */ ([task, box]))));
    const chain = page.critical.map((task) => this.boxOf.get(task));
    const links = new Set(chain.slice(1).map((box, index) => `${chain[index]} ${box}`));
    const critical = (/** @type {Line} */ line) => links.has(`${line.tail} ${line.head}`);
    const plain = this.drawing.lines.filter((line) => !critical(line));
    this.drawLines(this.lines, "order", plain.filter((line) => line.kind === "order"));
    this.drawLines(this.lines, "", plain.filter((line) => line.kind !== "order"));
    this.drawLines(this.lines, "critical", this.drawing.lines.filter(critical));
    this.fit();
    if (this.view.scale < READABLE) this.begin();
    this.draw();
  }

  /** @param {number} box */
  isCritical(box) {
    return this.members[box].some((task) => page.tasks[task].critical);
  }

  /** However many lines: one path, and one for their heads. @param {SVGGElement} into @param {string} kind @param {Line[]} lines */
  drawLines(into, kind, lines) {
    if (!lines.length) return;
    let path = "";
    let heads = "";
    for (const { points } of lines) {
      path += `M${points[0]} ${points[1]}C${points.slice(2).join(" ")}`;
      const [x, y] = points.slice(-2);
      const angle = Math.atan2(y - points[points.length - 3], x - points[points.length - 4]);
      for (const [index, turn] of [0, 2.7, -2.7].entries()) {
        const length = index ? 7 : 5;
        heads += `${index ? "L" : "M"}${(x + length * Math.cos(angle + turn)).toFixed(1)} ${(y + length * Math.sin(angle + turn)).toFixed(1)}`;
      }
      heads += "Z";
    }
    into.append(svg("path", { class: `edges ${kind}`, d: path }), svg("path", { class: `heads ${kind}`, d: heads }));
  }

  /** Where a graph that is too large to be read as a whole is first looked at: what failed, else what took longest. */
  begin() {
    const failed = this.statuses.findIndex((status) => status === "failed" || status === "timed_out");
    const first = failed >= 0 ? failed : this.drawing.boxes.findIndex((_, index) => this.isCritical(index));
    const { x, y } = this.drawing.boxes[Math.max(first, 0)];
    const { width, height } = this.svg.getBoundingClientRect();
    this.fitted = false;
    this.move({ x: width / 3 - x * READABLE, y: height / 2 - y * READABLE, scale: READABLE });
  }

  /** All of it. */
  fit() {
    const boxes = this.drawing.boxes;
    if (!boxes.length) return;
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    const reach = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ across, /** @type {number} */ down) => {
      [left, right] = [Math.min(left, x - across), Math.max(right, x + across)];
      [top, bottom] = [Math.min(top, y - down), Math.max(bottom, y + down)];
    };
    for (const box of boxes) reach(box.x, box.y, box.w / 2 + 20, BOX_HEIGHT);
    for (const { points } of this.drawing.lines) {
      for (let i = 0; i < points.length; i += 2) reach(points[i], points[i + 1], 4, 4);
    }
    const { width, height } = this.svg.getBoundingClientRect();
    const whole = Math.min(width / (right - left), height / (bottom - top), 1.25);
    this.smallest = Math.min(whole, 0.3);
    this.move({ x: width / 2 - (whole * (left + right)) / 2, y: height / 2 - (whole * (top + bottom)) / 2, scale: whole });
    this.fitted = true;
  }

  /** All of it is still in view if it was, and so is what is selected. */
  resize() {
    if (this.fitted) this.fit();
    else this.move(this.view);
    if (this.selected >= 0) this.reveal(this.selected);
  }

  /** @param {{x: number, y: number, scale: number}} view */
  move(view) {
    this.view = view;
    this.layer.setAttribute("transform", `translate(${view.x.toFixed(1)} ${view.y.toFixed(1)}) scale(${view.scale.toFixed(4)})`);
    if (this.isLarge && !this.waiting) {
      this.waiting = requestAnimationFrame(() => {
        this.waiting = 0;
        this.draw();
      });
    }
  }

  /** Zooms around a point of the screen, the middle if none is given. @param {number} factor @param {{x: number, y: number}} [at] */
  zoom(factor, at) {
    const area = this.svg.getBoundingClientRect();
    const point = at ? { x: at.x - area.left, y: at.y - area.top } : { x: area.width / 2, y: area.height / 2 };
    const scale = Math.min(Math.max(this.view.scale * factor, this.smallest), MOST_ZOOM);
    const grown = scale / this.view.scale;
    this.fitted = false;
    this.move({ x: point.x - (point.x - this.view.x) * grown, y: point.y - (point.y - this.view.y) * grown, scale });
  }

  /** Draws the boxes: of a large graph those in view. */
  draw() {
    const { width, height } = this.svg.getBoundingClientRect();
    const { x, y, scale } = this.view;
    const visible = [];
    for (const [index, box] of this.drawing.boxes.entries()) {
      const across = box.x * scale + x;
      const down = box.y * scale + y;
      const reach = (box.w / 2) * scale;
      if (!this.isLarge || (across + reach > 0 && across - reach < width && down + 20 > 0 && down - 20 < height)) visible.push(index);
    }
    const single = new Set(visible.length > MOST_BOXES ? [] : visible);
    single.add(this.current);
    if (this.selected >= 0) single.add(this.selected);
    const focused = this.boxes.contains(document.activeElement);
    this.boxes.replaceChildren(...this.blocks(visible.filter((index) => !single.has(index))));
    this.elements.clear();
    for (const index of single) {
      const element = this.element(index);
      this.elements.set(index, element);
      this.boxes.append(element);
    }
    if (focused) this.elements.get(this.current)?.focus({ preventScroll: true });
  }

  /** One path for each status, and for what the search has not found. @param {number[]} boxes */
  blocks(boxes) {
    /** @type {Map<string, string>} */
    const paths = new Map();
    for (const index of boxes) {
      const { x, y, w } = this.drawing.boxes[index];
      const kind = `blocks ${classOf(this.statuses[index])}${this.isFound(index) ? "" : " dim"}`;
      paths.set(kind, `${paths.get(kind) ?? ""}M${x - w / 2} ${y - BOX_HEIGHT / 2}h${w}v${BOX_HEIGHT}h${-w}z`);
    }
    return [...paths].map(([kind, d]) => svg("path", { class: kind, d }));
  }

  /** @param {number} index */
  isFound(index) {
    const tasks = this.members[index];
    return !tasks.length || tasks.some((task) => this.app.matches(task));
  }

  /** @param {number} index */
  element(index) {
    const box = this.drawing.boxes[index];
    const status = this.statuses[index];
    const classes = ["node", classOf(status), box.kind];
    if (this.isCritical(index)) classes.push("critical");
    if (!this.isFound(index)) classes.push("dim");
    if (index === this.selected) classes.push("selected");
    const corner = { x: -box.w / 2, y: -BOX_HEIGHT / 2, width: box.w, height: BOX_HEIGHT, rx: box.kind === "group" ? 15 : 6 };
    const element = svg("g", {
      class: classes.join(" "),
      transform: `translate(${box.x} ${box.y})`,
      role: "button",
      tabindex: index === this.current ? 0 : -1,
      "aria-label": this.label(index),
      "data-box": index,
    });
    if (box.kind === "foreach") element.append(svg("rect", { ...corner, x: corner.x + 4, y: corner.y - 4 }));
    element.append(
      svg("rect", { ...corner, class: "front" }),
      svg("text", { class: "glyph", x: corner.x + 16 }, box.tasks.length ? look(status).sign : "…"),
      svg("text", { x: corner.x + 29 }, box.label),
    );
    return element;
  }

  /** @param {number} index */
  label(index) {
    const box = this.drawing.boxes[index];
    const tasks = this.members[index];
    if (tasks.length === 1 && box.kind === "task") return summary(page.tasks[tasks[0]]);
    if (box.known === false) return `${box.name}: its instances are not known before what they are made from is there`;
    if (!tasks.length) return `${box.name}: a name for what it needs`;
    const counts = ORDER.map((status) => [tasks.filter((task) => (page.tasks[task].status ?? "") === status).length, look(status).words]);
    return `${box.name}: ${counts.filter(([count]) => count).map((part) => part.join(" ")).join(", ")}`;
  }

  /** Marks the box of a task and brings it into view; -1 for none. @param {number} task */
  select(task) {
    this.mark(this.boxOf.get(task) ?? -1);
  }

  /** @param {number} index */
  mark(index) {
    this.selected = index;
    this.near.replaceChildren();
    if (index >= 0) {
      this.current = index;
      this.drawLines(this.near, "near", this.drawing.lines.filter((line) => line.tail === index || line.head === index));
      this.reveal(index);
    }
    this.draw();
  }

  /** @param {number} index */
  reveal(index) {
    const box = this.drawing.boxes[index];
    const { width, height } = this.svg.getBoundingClientRect();
    let { x, y, scale } = this.view;
    const across = box.x * scale + x;
    const down = box.y * scale + y;
    if (scale < 0.4) scale = READABLE;
    else if (across > 40 && across < width - 40 && down > 20 && down < height - 20) return;
    this.move({ x: width / 2 - box.x * scale, y: height / 2 - box.y * scale, scale });
  }

  /** @param {number} index */
  open(index) {
    const tasks = this.members[index];
    if (this.drawing.boxes[index].kind === "task" && tasks.length === 1) this.app.select(tasks[0]);
    else {
      this.mark(index);
      this.app.group(this.drawing.boxes[index]);
    }
  }

  /** The next box in a direction: near, and rather straight ahead than aside. @param {number} right @param {number} down */
  step(right, down) {
    const from = this.drawing.boxes[this.current];
    let best = -1;
    let least = Infinity;
    for (const [index, box] of this.drawing.boxes.entries()) {
      const ahead = (box.x - from.x) * right + (box.y - from.y) * down;
      const aside = Math.abs((box.x - from.x) * down) + Math.abs((box.y - from.y) * right);
      const far = ahead + 2 * aside;
      if (ahead > 4 && far < least) [best, least] = [index, far];
    }
    if (best < 0) return;
    this.current = best;
    this.reveal(best);
    this.draw();
    this.elements.get(best)?.focus({ preventScroll: true });
  }

  /** The box under an event: an element, or a place in a path of many. @param {Event} event */
  boxAt(event) {
    const element = /** @type {Element} */ (event.target).closest("[data-box]");
    if (element) return Number(element.getAttribute("data-box"));
    if (!(event instanceof MouseEvent)) return -1;
    const area = this.svg.getBoundingClientRect();
    const x = (event.clientX - area.left - this.view.x) / this.view.scale;
    const y = (event.clientY - area.top - this.view.y) / this.view.scale;
    return this.drawing.boxes.findIndex((box) => Math.abs(box.x - x) <= box.w / 2 && Math.abs(box.y - y) <= BOX_HEIGHT / 2);
  }

  listen() {
    const area = this.svg;
    area.addEventListener("pointerdown", (event) => this.press(event));
    area.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) area.addEventListener(end, (event) => this.release(/** @type {PointerEvent} */ (event)));
    area.addEventListener("pointerleave", () => tip(""));
    area.addEventListener("click", (event) => {
      const index = this.boxAt(event);
      if (index >= 0 && !this.moved) this.open(index);
    });
    area.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    area.addEventListener("keydown", (event) => this.key(event));
    area.addEventListener("focusout", () => tip(""));
    new ResizeObserver(() => this.resize()).observe(area);
    byId("graph-in").addEventListener("click", () => this.zoom(1.4));
    byId("graph-out").addEventListener("click", () => this.zoom(1 / 1.4));
    byId("graph-fit").addEventListener("click", () => this.fit());
  }

  /** @param {PointerEvent} event */
  press(event) {
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moved = false;
    tip("");
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      const index = this.boxAt(event);
      tip(index < 0 ? "" : this.label(index), index < 0 ? undefined : new DOMRect(event.clientX, event.clientY, 8, 12));
      return;
    }
    const now = { x: event.clientX, y: event.clientY };
    if (!this.moved && Math.hypot(now.x - before.x, now.y - before.y) < 4) return;
    this.moved = true;
    this.svg.classList.add("dragged");
    this.svg.setPointerCapture(event.pointerId);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const grown = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1);
      this.zoom(grown, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    } else {
      this.fitted = false;
      this.move({ ...this.view, x: this.view.x + now.x - before.x, y: this.view.y + now.y - before.y });
    }
  }

  /** @param {PointerEvent} event */
  release(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.svg.classList.remove("dragged");
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 300), { x: event.clientX, y: event.clientY });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = /** @type {Record<string, [number, number]>} */ ({ ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] });
    if (steps[event.key]) this.step(...steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.open(this.current);
    else if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}


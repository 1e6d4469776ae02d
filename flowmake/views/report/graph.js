// The graph: boxes and lines that were laid out beforehand, coloured by what became of the tasks, to be walked through.

/** Boxes that are elements of their own; if more are in view, they are drawn as one path for each status. */
const MOST_BOXES = 500;
const BOX_HEIGHT = 30;
const READABLE = 0.6;

class Graph {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.shown = 0;
    this.selected = -1;
    /** The box that keys go to. */
    this.current = 0;
    this.waiting = 0;
    /** The tasks that each box stands for. @type {number[][]} */
    this.members = [];
    /** The most notable status among them. @type {string[]} */
    this.statuses = [];
    /** The box of each task. @type {Map<number, number>} */
    this.boxOf = new Map();
    /** @type {Map<number, SVGGElement>} */
    this.elements = new Map();
    const area = /** @type {unknown} */ (byId("drawing"));
    this.svg = /** @type {SVGSVGElement} */ (area);
    this.port = new Viewport(this.svg, () => this.moved());
    this.lines = svg("g");
    this.near = svg("g");
    this.boxes = svg("g");
    this.port.layer.append(this.lines, this.near, this.boxes);
    this.listen();
    this.show(innerWidth < 640 ? this.fewest() : 0);
  }

  /** The drawing with the fewest boxes. */
  fewest() {
    const sizes = page.drawings.map((drawing) => drawing.boxes.length);
    return sizes.indexOf(Math.min(...sizes));
  }

  get drawing() {
    return page.drawings[this.shown];
  }

  /** More boxes than are drawn one by one: what is drawn depends on what is in view. */
  get isLarge() {
    return this.drawing.boxes.length > MOST_BOXES;
  }

  /** Draws one of the drawings from the beginning. @param {number} number */
  show(number) {
    this.shown = number;
    this.current = 0;
    this.members = this.drawing.boxes.map((box) => tasksOf(box));
    this.statuses = this.members.map((tasks) => ORDER.find((status) => tasks.some((i) => (page.tasks[i].status ?? "") === status)) ?? "");
    this.boxOf = new Map(this.members.flatMap((tasks, box) => tasks.map((task) => /** @type {[number, number]} */ ([task, box]))));
    this.showLines();
    if (!this.drawing.boxes.length) return;
    this.port.bounds = this.bounds();
    this.svg.style.setProperty("--need", `${(this.port.bounds.bottom - this.port.bounds.top) * 1.25 + 40}px`);
    this.port.fit();
    if (this.port.view.scale < READABLE) this.begin();
    this.draw();
  }

  showLines() {
    const chain = page.critical.map((task) => this.boxOf.get(task));
    const links = new Set(chain.slice(1).map((box, index) => `${chain[index]} ${box}`));
    const kind = (/** @type {Line} */ line) => (links.has(`${line.tail} ${line.head}`) ? "critical" : line.kind ?? "needs");
    this.lines.replaceChildren();
    this.near.replaceChildren();
    for (const wanted of ["order", "needs", "critical"]) {
      this.drawLines(this.lines, wanted, this.drawing.lines.filter((line) => kind(line) === wanted));
    }
  }

  /** Room for all boxes and lines. @returns {Bounds} */
  bounds() {
    const found = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
    const reach = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ across, /** @type {number} */ down) => {
      [found.left, found.right] = [Math.min(found.left, x - across), Math.max(found.right, x + across)];
      [found.top, found.bottom] = [Math.min(found.top, y - down), Math.max(found.bottom, y + down)];
    };
    for (const box of this.drawing.boxes) reach(box.x, box.y, box.w / 2 + 20, BOX_HEIGHT);
    for (const { points } of this.drawing.lines) {
      for (let i = 0; points && i < points.length; i += 2) reach(points[i], points[i + 1], 4, 4);
    }
    return found;
  }

  /** Where a graph that is too large to be read as a whole is first looked at: what failed, else what took longest. */
  begin() {
    const failed = this.statuses.findIndex((status) => status === "failed" || status === "timed_out");
    const first = failed >= 0 ? failed : this.drawing.boxes.findIndex((_, index) => this.isCritical(index));
    this.port.center(this.drawing.boxes[Math.max(first, 0)], READABLE, 1 / 3);
  }

  /** The corners of a line's curves: as laid out, else from the side of one box to that of the other. @param {Line} line */
  points(line) {
    if (line.points) return line.points;
    const [tail, head] = [this.drawing.boxes[line.tail], this.drawing.boxes[line.head]];
    const [from, to] = [tail.x + tail.w / 2, head.x - head.w / 2];
    const bend = Math.max(Math.abs(to - from) / 2, 30);
    return [from, tail.y, from + bend, tail.y, to - bend, head.y, to, head.y];
  }

  /** However many lines: one path, and one for their heads. @param {SVGGElement} into @param {string} kind @param {Line[]} lines */
  drawLines(into, kind, lines) {
    if (!lines.length) return;
    const all = lines.map((line) => this.points(line));
    const path = all.map((points) => `M${points[0]} ${points[1]}C${points.slice(2).join(" ")}`);
    into.append(svg("path", { class: `edges ${kind}`, d: path.join("") }), svg("path", { class: `heads ${kind}`, d: all.map(arrow).join("") }));
  }

  /** @param {number} box */
  isCritical(box) {
    return this.members[box].some((task) => page.tasks[task].critical);
  }

  /** @param {number} box */
  isFound(box) {
    const tasks = this.members[box];
    return !tasks.length || tasks.some((task) => this.app.matches(task));
  }

  /** What is in view of a large graph is drawn with the next frame. */
  moved() {
    if (!this.isLarge || this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  /** Draws the boxes: of a large graph those in view. */
  draw() {
    const visible = this.visible();
    const single = new Set(visible.length > MOST_BOXES ? [] : visible);
    single.add(this.current);
    if (this.selected >= 0) single.add(this.selected);
    const focused = this.boxes.contains(document.activeElement);
    this.boxes.replaceChildren(...this.blocks(visible.filter((index) => !single.has(index))));
    this.elements = new Map([...single].sort((a, b) => a - b).map((index) => [index, this.element(index)]));
    this.boxes.append(...this.elements.values());
    if (focused) this.elements.get(this.current)?.focus({ preventScroll: true });
  }

  /** @returns {number[]} */
  visible() {
    const all = this.drawing.boxes.map((_, index) => index);
    if (!this.isLarge) return all;
    const { width, height } = this.port.size;
    return all.filter((index) => {
      const box = this.drawing.boxes[index];
      const { x, y } = this.port.place(box);
      const reach = (box.w / 2) * this.port.view.scale;
      return x + reach > 0 && x - reach < width && y + 20 > 0 && y - 20 < height;
    });
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
      "aria-label": spoken(box.label, box.name, this.label(index)),
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

  /** Brings a box into view, large enough to be read. @param {number} index */
  reveal(index) {
    const box = this.drawing.boxes[index];
    const { width, height } = this.port.size;
    const { x, y } = this.port.place(box);
    const isReadable = this.port.view.scale > 0.4;
    if (isReadable && x > 40 && x < width - 40 && y > 20 && y < height - 20) return;
    this.port.center(box, isReadable ? this.port.view.scale : READABLE);
  }

  /** @param {number} index */
  open(index) {
    const tasks = this.members[index];
    if (this.drawing.boxes[index].kind === "task" && tasks.length === 1) {
      this.app.select(tasks[0]);
    } else {
      this.mark(index);
      this.app.group(this.drawing.boxes[index]);
    }
  }

  /** To the next box in a direction: near, and rather straight ahead than aside. @param {number} right @param {number} down */
  step(right, down) {
    const from = this.drawing.boxes[this.current];
    let best = -1;
    let least = Infinity;
    for (const [index, box] of this.drawing.boxes.entries()) {
      const ahead = (box.x - from.x) * right + (box.y - from.y) * down;
      const aside = Math.abs((box.x - from.x) * down) + Math.abs((box.y - from.y) * right);
      if (ahead > 4 && ahead + 2 * aside < least) [best, least] = [index, ahead + 2 * aside];
    }
    if (best < 0) return;
    this.current = best;
    this.reveal(best);
    this.draw();
    this.elements.get(best)?.focus({ preventScroll: true });
  }

  /** The box under an event: an element, or a place in a path of many. @param {MouseEvent} event */
  boxAt(event) {
    const element = /** @type {Element} */ (event.target).closest("[data-box]");
    if (element) return Number(element.getAttribute("data-box"));
    const { x, y } = this.port.pointAt(event);
    return this.drawing.boxes.findIndex((box) => Math.abs(box.x - x) <= box.w / 2 && Math.abs(box.y - y) <= BOX_HEIGHT / 2);
  }

  listen() {
    this.svg.addEventListener("click", (event) => {
      const index = this.boxAt(event);
      if (index >= 0 && !this.port.moved) this.open(index);
    });
    this.svg.addEventListener("pointermove", (event) => {
      const index = this.port.isDragged ? -1 : this.boxAt(event);
      tip(index < 0 ? "" : this.label(index), new DOMRect(event.clientX, event.clientY, 8, 12));
    });
    this.svg.addEventListener("pointerleave", () => tip(""));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => {
      this.port.resize();
      if (this.selected >= 0) this.reveal(this.selected);
    }).observe(this.svg);
    byId("graph-in").addEventListener("click", () => this.zoom(1.4));
    byId("graph-out").addEventListener("click", () => this.zoom(1 / 1.4));
    byId("graph-fit").addEventListener("click", () => this.port.fit());
  }

  /** Around what is selected or walked to, if that is in view, else around the middle. @param {number} factor */
  zoom(factor) {
    const { left, top, width, height } = this.port.size;
    const { x, y } = this.port.place(this.drawing.boxes[this.current]);
    const inView = x > 0 && x < width && y > 0 && y < height;
    this.port.zoom(factor, inView && this.isWalked ? { x: left + x, y: top + y } : undefined);
  }

  /** Somebody has chosen the current box. */
  get isWalked() {
    return this.selected >= 0 || this.boxes.contains(document.activeElement);
  }

  /** Opens the box of this name where it stands for most tasks; false if there is none. @param {string} name */
  openNamed(name) {
    const found = page.drawings.flatMap((drawing, number) => {
      const index = drawing.boxes.findIndex((box) => box.name === name);
      return index < 0 ? [] : [{ number, index, size: drawing.boxes[index].tasks.length }];
    });
    const best = found.sort((a, b) => b.size - a.size)[0];
    if (!best) return false;
    if (best.number !== this.shown) this.show(best.number);
    this.open(best.index);
    return true;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = /** @type {Record<string, [number, number]>} */ ({ ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] });
    if (steps[event.key]) this.step(...steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.open(this.current);
    else if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0") this.port.fit();
    else return;
    event.preventDefault();
  }
}

/** The tasks that a box stands for. @param {Box} box */
function tasksOf(box) {
  return box.tasks.map((name) => numberOf.get(name) ?? -1).filter((index) => index >= 0);
}

/** The head of an arrow at the end of a curve. @param {number[]} points */
function arrow(points) {
  const [fromX, fromY, x, y] = points.slice(-4);
  const angle = Math.atan2(y - fromY, x - fromX);
  const corner = (/** @type {number} */ turn, /** @type {number} */ length) =>
    `${(x + length * Math.cos(angle + turn)).toFixed(1)} ${(y + length * Math.sin(angle + turn)).toFixed(1)}`;
  return `M${corner(0, 5)}L${corner(2.7, 7)}L${corner(-2.7, 7)}Z`;
}


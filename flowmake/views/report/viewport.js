// A drawing that is moved and zoomed by mouse, fingers, wheel and buttons. Unaware of what is drawn.

const MOST_ZOOM = 2.5;

/** @typedef {{left: number, right: number, top: number, bottom: number}} Bounds */

class Viewport {
  /**
   * @param {SVGSVGElement} area
   * @param {() => void} changed called when something else may be in view
   */
  constructor(area, changed) {
    this.area = area;
    this.changed = changed;
    this.layer = svg("g");
    this.view = { x: 0, y: 0, scale: 1 };
    this.smallest = 0.1;
    /** @type {Bounds} */
    this.bounds = { left: 0, right: 1, top: 0, bottom: 1 };
    /** Nobody has moved it since all of it was brought into view. */
    this.fitted = false;
    /** The pointer was moved since it was pressed, so that what follows is no click. */
    this.moved = false;
    /** @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    area.append(this.layer);
    area.addEventListener("pointerdown", (event) => this.press(event));
    area.addEventListener("pointermove", (event) => this.drag(event));
    area.addEventListener("pointerup", (event) => this.release(event));
    area.addEventListener("pointercancel", (event) => this.release(event));
    area.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  get size() {
    return this.area.getBoundingClientRect();
  }

  /** @param {{x: number, y: number, scale: number}} view */
  move(view) {
    this.view = view;
    this.fitted = false;
    this.layer.setAttribute("transform", `translate(${view.x.toFixed(1)} ${view.y.toFixed(1)}) scale(${view.scale.toFixed(4)})`);
    this.changed();
  }

  /** Brings all of it into view. */
  fit() {
    const { left, right, top, bottom } = this.bounds;
    const { width, height } = this.size;
    const scale = Math.min(width / (right - left), height / (bottom - top), 1.25);
    this.smallest = Math.min(scale, 0.3);
    this.move({ x: width / 2 - (scale * (left + right)) / 2, y: height / 2 - (scale * (top + bottom)) / 2, scale });
    this.fitted = true;
  }

  /** After the area has got another size: all is in view if it was before. */
  resize() {
    if (this.fitted) this.fit();
    else this.move(this.view);
  }

  /** Brings a point of the drawing to a place given as parts of width and height. @param {{x: number, y: number}} point @param {number} scale @param {number} [across] */
  center(point, scale, across = 0.5) {
    const { width, height } = this.size;
    this.move({ x: width * across - point.x * scale, y: height / 2 - point.y * scale, scale });
  }

  /** Zooms around a point of the screen, the middle if none is given. @param {number} factor @param {{x: number, y: number}} [at] */
  zoom(factor, at) {
    const { left, top, width, height } = this.size;
    const point = at ? { x: at.x - left, y: at.y - top } : { x: width / 2, y: height / 2 };
    const scale = Math.min(Math.max(this.view.scale * factor, this.smallest), MOST_ZOOM);
    const grown = scale / this.view.scale;
    this.move({ x: point.x - (point.x - this.view.x) * grown, y: point.y - (point.y - this.view.y) * grown, scale });
  }

  /** Where a point of the drawing is in the area. @param {{x: number, y: number}} point */
  place(point) {
    return { x: point.x * this.view.scale + this.view.x, y: point.y * this.view.scale + this.view.y };
  }

  /** The point of the drawing under an event. @param {MouseEvent} event */
  pointAt(event) {
    const { left, top } = this.size;
    return { x: (event.clientX - left - this.view.x) / this.view.scale, y: (event.clientY - top - this.view.y) / this.view.scale };
  }

  get isDragged() {
    return this.pointers.size > 0;
  }

  /** @param {PointerEvent} event */
  press(event) {
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moved = false;
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const before = this.pointers.get(event.pointerId);
    const now = { x: event.clientX, y: event.clientY };
    if (!before || (!this.moved && Math.hypot(now.x - before.x, now.y - before.y) < 4)) return;
    this.moved = true;
    this.area.classList.add("dragged");
    this.area.setPointerCapture(event.pointerId);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const apart = (/** @type {{x: number, y: number}} */ point) => Math.max(Math.hypot(point.x - other.x, point.y - other.y), 1);
      this.zoom(apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    }
    const part = other ? 0.5 : 1;
    this.move({ ...this.view, x: this.view.x + (now.x - before.x) * part, y: this.view.y + (now.y - before.y) * part });
  }

  /** @param {PointerEvent} event */
  release(event) {
    this.pointers.delete(event.pointerId);
    if (!this.isDragged) this.area.classList.remove("dragged");
  }

  /** Only with a key, so that the page can be scrolled over it. @param {WheelEvent} event */
  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 300), { x: event.clientX, y: event.clientY });
  }
}


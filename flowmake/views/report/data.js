// The data of the page, and the few helpers that everything else is made with.

/** @typedef {{run: string, status: string, seconds: number}} Past */
/**
 * @typedef {object} Task
 * @property {string} name
 * @property {string} [status]
 * @property {string} [now]
 * @property {string} [description]
 * @property {string[]} [tags]
 * @property {string} [command]
 * @property {number} [started]
 * @property {number} [seconds]
 * @property {number} [before]
 * @property {number} [attempt]
 * @property {string} [ended]
 * @property {string} [host] where it ran, if elsewhere
 * @property {boolean} [allowed]
 * @property {boolean} [cutOff]
 * @property {boolean} [critical]
 * @property {[string, string][][]} [reasons]
 * @property {string} [why]
 * @property {number[]} [inputs]
 * @property {number} [moreInputs]
 * @property {string} [inputsOf]
 * @property {number[]} [outputs]
 * @property {number} [moreOutputs]
 * @property {string} [log]
 * @property {boolean} [logCut]
 * @property {string} [logRun]
 * @property {Past[]} [history]
 * @property {number[]} [upstream]
 */
/** @typedef {{name: string, label: string, kind: string, tasks: string[], x: number, y: number, w: number, known?: boolean}} Box */
/** @typedef {{tail: number, head: number, points?: number[], kind?: string}} Line */
/** @typedef {{boxes: Box[], lines: Line[]}} Drawing */
/** @typedef {{task: string, attempt: number, start: number, end: number, status: string, lane: number}} Span */
/**
 * @typedef {object} Page
 * @property {{id: string, seconds: number | null}} run
 * @property {Task[]} tasks
 * @property {[string, string][]} files
 * @property {Drawing[]} drawings
 * @property {Span[]} spans
 * @property {number[]} critical
 */
/** @typedef {{select: (task: number) => void, group: (box: Box) => void, matches: (task: number) => boolean}} App */

const page = /** @type {Page} */ (JSON.parse(byId("data").textContent ?? ""));
const numberOf = new Map(page.tasks.map((task, index) => [task.name, index]));

/** Signs and words of statuses, the most notable first. Signs differ in shape, so that no colour is needed. */
const STATUSES = new Map([
  ["failed", { sign: "✗", words: "failed" }],
  ["timed_out", { sign: "◷", words: "timed out" }],
  ["interrupted", { sign: "■", words: "interrupted" }],
  ["running", { sign: "▶", words: "running" }],
  ["skipped", { sign: "⊘", words: "skipped" }],
  ["retried", { sign: "↻", words: "failed, tried again" }],
  ["succeeded", { sign: "✓", words: "succeeded" }],
  ["restored", { sign: "⇣", words: "restored" }],
  ["fresh", { sign: "=", words: "fresh" }],
  ["", { sign: "·", words: "not in this run" }],
]);
const ORDER = [...STATUSES.keys()];

/** @param {string | undefined} status */
function look(status) {
  return STATUSES.get(status ?? "") ?? { sign: "?", words: status ?? "" };
}

/** The class that gives the colours of a status. @param {string | undefined} status */
function classOf(status) {
  return `st-${status || "none"}`;
}

/** @param {string} id @returns {HTMLElement} */
function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`there is no #${id}`);
  return found;
}

/**
 * An HTML element. Strings become text, never markup.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, string | number | boolean | undefined>} [attributes]
 * @param {...(Node | string)} children @returns {HTMLElementTagNameMap[K]}
 */
function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag @param {Record<string, string | number | boolean | undefined>} [attributes]
 * @param {...(Node | string)} children @returns {SVGElementTagNameMap[K]}
 */
function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element @param {Record<string, string | number | boolean | undefined>} attributes
 * @param {(Node | string)[]} children @returns {E}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** `28ms`, `0.3s`, `1m 05s`, `2h 03m`. @param {number | null | undefined} seconds */
function duration(seconds) {
  if (seconds === undefined || seconds === null) return "";
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(0)}ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const pad = (/** @type {number} */ part) => String(part).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86400)}d ${pad(Math.floor((whole % 86400) / 3600))}h`;
}

/** One line about a task for labels and tips. @param {Task} task */
function summary(task) {
  const parts = [look(task.status).words];
  if (task.seconds !== undefined) parts.push(duration(task.seconds));
  if (task.ended) parts.push(task.ended);
  if (task.host) parts.push(`on ${task.host}`);
  if (task.cutOff) parts.push("outputs unchanged");
  if (task.critical) parts.push("on the critical path");
  return `${task.name}: ${parts.join(", ")}`;
}

/**
 * What a thing is called by whoever hears or speaks it: `label`, after as much of its name as is seen where that is cut.
 * @param {string} seen @param {string} name @param {string} label
 */
function spoken(seen, name, label) {
  return name.startsWith(seen) || seen.startsWith(name) ? label : `${seen}, ${label}`;
}

/** Shows a tip near the pointer or a focused element; empty text hides it. @param {string} text @param {DOMRect} [near] */
function tip(text, near) {
  const box = byId("tip");
  box.hidden = !text;
  if (!text || !near) return;
  box.textContent = text;
  const size = box.getBoundingClientRect();
  const left = Math.min(Math.max(near.left, 8), innerWidth - size.width - 8);
  const below = near.bottom + 8;
  box.style.left = `${Math.max(left, 8)}px`;
  box.style.top = `${below + size.height > innerHeight ? Math.max(near.top - size.height - 8, 8) : below}px`;
}


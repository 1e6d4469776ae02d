// The panel about one task, or about all that a box of the graph stands for.

class Details {
  /** @param {() => void} closed called when the panel was closed */
  constructor(closed) {
    this.closed = closed;
    this.panel = byId("details");
    /** What had the focus before, and how to find it if it has been drawn anew. @type {Element | null} */
    this.before = null;
    this.back = "";
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.panel.hidden) this.close();
    });
  }

  close() {
    this.panel.hidden = true;
    document.body.classList.remove("with-details");
    this.closed();
    const anew = this.back ? document.querySelector(this.back) : null;
    const back = /** @type {HTMLElement | null} */ (this.before?.isConnected ? this.before : anew);
    back?.focus({ preventScroll: true });
  }

  /** @param {string} title @param {(Node | string)[]} parts */
  open(title, parts) {
    if (this.panel.hidden) {
      this.before = document.activeElement;
      this.back = selectorOf(this.before);
    }
    const button = html("button", { type: "button", "aria-label": "Close" }, "✕");
    button.addEventListener("click", () => this.close());
    this.panel.replaceChildren(html("div", { class: "bar" }, html("h2", { id: "details-title" }, title), button), ...parts);
    this.panel.hidden = false;
    document.body.classList.add("with-details");
    this.panel.scrollTop = 0;
    this.panel.focus({ preventScroll: true });
  }

  /** @param {Box} box */
  group(box) {
    const tasks = tasksOf(box);
    const about = box.known === false ? "Its instances are not known before what they are made from is there." : "A name for what it needs.";
    this.open(box.name, tasks.length ? [section(`${tasks.length} instances`, list(tasks.map(withStatus)))] : [html("p", {}, about)]);
  }

  /** @param {number} index */
  task(index) {
    const task = page.tasks[index];
    this.open(task.name, [
      html("p", { class: `status ${classOf(task.status)}` }, `${look(task.status).sign} ${summary(task).slice(task.name.length + 2)}`),
      ...(task.description ? [html("p", { class: "muted" }, task.description)] : []),
      facts(task),
      section("Why it ran", lines(task.reasons)),
      section("Command", task.command ? html("pre", { tabindex: 0 }, task.command) : ""),
      section(logTitle(task), task.log ? html("pre", { tabindex: 0, id: "log" }, task.log) : ""),
      section(task.inputsOf && task.inputsOf !== page.run.id ? `Inputs, as in the run ${task.inputsOf}` : "Inputs", files(task.inputs, task.moreInputs)),
      section("Outputs", files(task.outputs, task.moreOutputs)),
      section("How long it took", durations(task)),
      section("Comes after", list((task.upstream ?? []).map(withStatus))),
      section("Comes before", list(page.tasks.flatMap((other, number) => (other.upstream?.includes(index) ? [number] : [])).map(withStatus))),
    ]);
  }
}

/** How to find an element again that can open the panel. @param {Element | null} element */
function selectorOf(element) {
  const name = ["data-box", "data-span", "data-task"].find((attribute) => element?.hasAttribute(attribute));
  if (name) return `main [${name}="${element?.getAttribute(name)}"]`;
  return element?.id ? `#${element.id}` : "";
}

/** A heading with something below; nothing if there is nothing. @param {string} title @param {Node | string} content */
function section(title, content) {
  return content === "" ? "" : html("div", {}, html("h3", {}, title), content);
}

/** @param {(Node | string)[]} items @param {string} [more] */
function list(items, more) {
  const rest = items.length - 200;
  const shown = items.slice(0, 200).map((item) => html("li", {}, item));
  if (rest > 0 || more) shown.push(html("li", { class: "muted" }, more ?? `and ${rest} more`));
  return shown.length ? html("ul", {}, ...shown) : "";
}

/** @param {number} index */
function withStatus(index) {
  const task = page.tasks[index];
  const sign = html("span", { class: `status ${classOf(task.status)}`, title: look(task.status).words }, `${look(task.status).sign} `);
  return html("span", {}, sign, html("button", { type: "button", class: "link", "data-task": index }, task.name), ` ${duration(task.seconds)}`);
}

/** @param {Task} task */
function facts(task) {
  /** @type {[string, string | number | undefined][]} */
  const rows = [
    ["started", task.started === undefined ? undefined : `${duration(task.started)} after the run`],
    ["attempts", (task.attempt ?? 0) > 1 ? task.attempt : undefined],
    ["now", task.now],
    ["tags", task.tags?.join(", ")],
  ];
  const shown = rows.filter(([, value]) => value !== undefined);
  return html("dl", { class: "facts-list" }, ...shown.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, String(value))]));
}

/** Reasons, what went and what came marked as such. @param {[string, string][][] | undefined} reasons */
function lines(reasons) {
  return list(
    (reasons ?? []).map((line) => {
      const pieces = line.map(([style, text]) => (style === "old" ? html("del", {}, text) : style === "new" ? html("ins", {}, text) : text));
      return html("span", { class: "reason" }, ...pieces);
    }),
  );
}

/** @param {Task} task */
function logTitle(task) {
  return (task.logCut ? "End of its log" : "Log") + (task.logRun ? `, of the run ${task.logRun}` : "");
}

/** @param {number[] | undefined} indices @param {number} [more] */
function files(indices, more) {
  const items = (indices ?? []).map((index) => {
    const [path, digest] = page.files[index];
    return html("span", {}, html("code", {}, path), html("code", { class: "digest" }, digest || "absent"));
  });
  return list(items, more ? `and ${more} more` : undefined);
}

/** A bar for each run that it was part of, this one the last. @param {Task} task */
function durations(task) {
  const past = (task.history ?? []).map((old) => ({ ...old, now: false }));
  if (task.attempt) past.push({ run: page.run.id, status: task.status ?? "", seconds: task.seconds ?? 0, now: true });
  if (past.length < 2) return "";
  const longest = Math.max(...past.map((old) => old.seconds), 0.001);
  const step = 400 / Math.max(past.length, 12);
  const bars = past.map((old, index) => {
    const height = Math.max((old.seconds / longest) * 48, 1);
    const bar = svg("rect", { x: index * step + 2, y: 66 - height, width: step - 6, height, class: old.now ? "this" : undefined });
    bar.append(svg("title", {}, `${old.run}: ${look(old.status).words}, ${duration(old.seconds)}`));
    const text = svg("text", { x: index * step + step / 2 - 1, y: 79, "text-anchor": "middle" }, duration(old.seconds));
    return svg("g", { class: classOf(old.status) }, bar, text);
  });
  const about = `The last ${past.length} times: ${past.map((old) => duration(old.seconds)).join(", ")}`;
  return svg("svg", { class: "history", viewBox: "0 0 400 84", preserveAspectRatio: "xMinYMid meet", role: "img", "aria-label": about }, ...bars);
}


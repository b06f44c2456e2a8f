// The operators' page of recommendations: experiments with their reports, lists by country, policies, early exits.

const METRICS = [["clicks", "Clicks"], ["starts", "Starts"], ["completions", "Completions"], ["watchTime", "Watch time, s"]];
const status = document.getElementById("status");
const form = document.getElementById("key-form");

class Refused extends Error {}

async function ask(path) {
  const key = sessionStorage.getItem("api-key");
  const answer = await fetch(path, { headers: key ? { Authorization: `Bearer ${key}` } : {} });
  if (answer.status === 401 || answer.status === 403) throw new Refused("An operator's API key is needed.");
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `status ${answer.status}`);
  return answer.json();
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.map((one) => one ?? ""));
  return made;
}

function table(head, rows) {
  if (!rows.length) return element("p", { class: "none" }, "Nothing yet.");
  const line = (cells, name) => element("tr", {}, ...cells.map((cell) =>
    cell instanceof Node ? element(name, {}, cell) : element(name, typeof cell === "number" ? { class: "number" } : {}, String(cell))));
  return element("div", { class: "scroll" }, element("table", {},
    element("thead", {}, line(head, "th")), element("tbody", {}, ...rows.map((row) => line(row, "td")))));
}

const percent = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`);
const signed = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)} %`;
const short = (value) => Number(value.toPrecision(4));
const moment = (at) => (at ? new Date(1000 * at).toISOString().slice(0, 16).replace("T", " ") : "–");

/** A metric of an arm beside the control: the interval as a bar around the line of no difference. */
function interval(found, scale) {
  if (found.interval === undefined) return element("span", {}, String(short(found.mean)));
  const text = `${short(found.mean)}${found.lift === null ? "" : ` (${signed(found.lift)})`}`;
  if (found.interval === null) return element("span", { title: "too few viewers" }, text);
  const [low, high] = found.interval;
  const at = (value) => 50 + Math.max(-50, Math.min(50, (50 * value) / scale));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("class", found.certain ? (found.difference > 0 ? "better" : "worse") : "open");
  const draw = (name, values) => {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(values)) shape.setAttribute(key, value);
    svg.append(shape);
  };
  draw("line", { x1: 50, x2: 50, y1: 0, y2: 10, class: "zero" });
  draw("rect", { x: at(low), width: Math.max(.5, at(high) - at(low)), y: 3.5, height: 3, rx: 1.5 });
  draw("circle", { cx: at(found.difference), cy: 5, r: 2.2 });
  const told = `difference ${short(found.difference)}, always-valid interval ${short(low)} to ${short(high)}, p ${found.p.toPrecision(2)}`;
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", told);
  return element("span", { class: "interval", title: told }, text, svg);
}

function reported(report) {
  const scale = Object.fromEntries(METRICS.map(([name]) => [name,
    Math.max(1e-9, ...report.arms.flatMap((arm) => (arm.metrics[name].interval ?? [0]).map(Math.abs)))]));
  const rows = report.arms.map((arm) => [
    arm.arm, percent(arm.share), arm.viewers, arm.viewersCounted,
    ...METRICS.map(([name]) => interval(arm.metrics[name], scale[name]))]);
  const ratio = report.sampleRatio;
  return [
    element("p", { class: `verdict ${report.verdict}` }, report.verdictText),
    element("p", { class: "note" }, `Decided by ${report.metric}; window ${report.window} s; sample ratio `
      + (ratio.ok ? `as planned (p ${ratio.p.toPrecision(2)})` : `WRONG (p ${ratio.p.toPrecision(2)})`)
      + ". Intervals are always valid: look whenever you like."),
    table(["Arm", "Share", "Viewers", "Counted", ...METRICS.map(([, text]) => text)], rows)];
}

async function experiments() {
  const all = await ask("/recommendations/experiments");
  const order = { running: 0, stopped: 1, draft: 2 };
  all.sort((one, other) => order[one.state] - order[other.state] || one.experimentId.localeCompare(other.experimentId));
  const shown = await Promise.all(all.map(async (one) => {
    const report = one.state === "draft" ? [element("p", { class: "note" }, "A draft: not started.")]
      : reported(await ask(`/recommendations/experiments/${one.experimentId}/report`));
    return element("article", {}, element("h3", {}, one.definition.title, " ", element("span", { class: `state ${one.state}` }, one.state)),
      element("p", { class: "note" }, `${one.experimentId} · layer ${one.definition.layer ?? "lists"} · since ${moment(one.started)}`), ...report);
  }));
  return shown.length ? shown : [element("p", { class: "none" }, "There is no experiment. `matinee recommend experiment define ID FILE` makes one.")];
}

async function overview() {
  const { model, countries } = await ask("/recommendations/overview");
  document.getElementById("model").replaceChildren(table(["Version", "Trained", "Age, h", "Events since", "Recall", "NDCG"], model.version
    ? [[model.version, moment(model.made), short(model.ageSeconds / 3600), model.eventsSince, short(model.metrics?.recall ?? 0), short(model.metrics?.ndcg ?? 0)]] : []));
  document.getElementById("lists").replaceChildren(table(
    ["Country", "Lists", "Fallbacks", "Titles shown", "Coverage", "Gini", "Cold titles shown"],
    countries.map((one) => [one.country ?? "unknown", one.lists, percent(one.fallbackRate), `${one.titlesShown} of ${one.titles}`,
      percent(one.coverage), short(one.gini), percent(one.coldShare)])));
}

async function policies() {
  const found = await ask("/recommendations/off-policy");
  return table(["Policy", "Draws", "Matching", "SNIPS", "Interval", "IPS"], found.policies.map((one) => [
    one.policy, one.draws, one.matching, percent(one.snips), one.interval ? one.interval.map(percent).join(" to ") : "too few", percent(one.ips)]));
}

async function exits() {
  const found = await ask("/recommendations/early-exits");
  return table(["Title", "Began", "Left early", "Share", "Mean watched"], found.map((one) => [
    one.title || one.contentId, one.viewers, one.leftEarly, percent(one.share), percent(one.meanShareWatched)]));
}

async function show() {
  status.textContent = "Loading …";
  try {
    const [first, , second, third] = await Promise.all([experiments(), overview(), policies(), exits()]);
    document.getElementById("experiments").replaceChildren(...first);
    document.getElementById("policies").replaceChildren(second);
    document.getElementById("exits").replaceChildren(third);
    form.hidden = true;
    status.textContent = `As of ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    form.hidden = !(error instanceof Refused);
    status.textContent = error.message;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("api-key", document.getElementById("key").value.trim());
  show();
});
show();

// A title's own page: what it is, who made it, play or go on, seasons and episodes, thumbs, and more of the kind.

import * as api from "./api.js";
import { billboard, card, element, isComing, length, playLink, poster, row } from "./cards.js";
import { resumeAt } from "./recovery.js";
import { seenTitles } from "./seen.js";
import { thumbs } from "./thumbs.js";
import * as titles from "./titles.js";

const languages = new Intl.DisplayNames(["en"], { type: "language" });
const nameOf = (tag) => {
  try {
    return languages.of(tag);
  } catch {
    return tag;
  }
};

async function seenPosition(contentId) {
  const seen = (await seenTitles()).find((one) => one.contentId === contentId);
  return seen ? resumeAt(seen.position, seen.duration) : 0;
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function table(title) {
  const crew = (title.people ?? []).map((one) => (one.role ? `${one.name} (${one.role})` : one.name));
  const rows = [
    ["Cast", (title.cast ?? []).slice(0, 12).join(", ")],
    ["People", crew.slice(0, 12).join(", ")],
    ["Audio", (title.languages ?? []).map(nameOf).join(", ")],
    ["Subtitles", (title.subtitles ?? []).map(nameOf).join(", ")],
    ["Age", title.maturity ? `From ${title.maturity} years` : ""],
    ["Rating", title.rating ? `${title.rating} of 10` : ""],
  ].filter(([, value]) => value);
  return rows.length ? element("dl", { class: "about-table" }, rows.map(([key, value]) => [element("dt", {}, key), element("dd", {}, value)])) : null;
}

function episode(title) {
  const number = title.number ? `${title.number}. ` : "";
  const inner = [poster(title), element("span", { class: "result-text" },
    element("span", { class: "result-title" }, `${number}${title.title}`),
    element("span", { class: "card-facts" }, length(title.durationSeconds) || "Not available to play"),
    element("span", { class: "result-snippet" }, title.description ?? ""))];
  return element("li", {}, title.playable ? element("a", { class: "result", href: `#play=${encodeURIComponent(title.contentId)}` }, inner)
    : element("div", { class: "result" }, inner));
}

async function episodes(series) {
  const found = (await api.children(series.contentId).catch(() => ({ titles: [] }))).titles;
  titles.keep(found);
  const sections = [];
  const list = (name, members) => element("section", { class: "season", "aria-label": name }, element("h2", {}, name), element("ul", { class: "results" }, members.map(episode)));
  const direct = found.filter((one) => one.kind !== "season");
  if (direct.length) sections.push(list("Episodes", direct));
  for (const season of found.filter((one) => one.kind === "season").slice(0, 30)) {
    const members = (await api.children(season.contentId).catch(() => ({ titles: [] }))).titles;
    titles.keep(members);
    if (members.length) sections.push(list(season.title || `Season ${season.number}`, members));
  }
  return sections;
}

async function alike(title) {
  const genre = title.genres?.[0];
  if (!genre) return null;
  const found = await api.search({ genre, limit: 24 }).catch(() => ({ items: [] }));
  const others = (await titles.all(found.items.map((one) => one.contentId))).filter((one) => one.contentId !== title.contentId);
  others.sort((one, other) => Number(other.playable) - Number(one.playable));
  return others.length ? row("More like this", others.slice(0, 18).map((one) => card(one)), `#browse&genre=${encodeURIComponent(genre)}`) : null;
}

export async function details(view, say, contentId, userId) {
  const title = await titles.full(contentId);
  const position = title.playable ? await seenPosition(contentId) : 0;
  const actions = title.playable
    ? [playLink(contentId, position ? `Resume at ${clock(position)}` : "Play"), position ? element("a", { class: "quiet", href: `#play=${encodeURIComponent(contentId)}&from=0` }, "From the start") : null]
    : [];
  actions.push(element("div", { class: "thumbs" }, thumbs(contentId, userId)));
  const isSeries = title.kind === "series" || title.kind === "season";
  const kicker = title.playable || isSeries ? "" : isComing(title) ? "Coming soon" : "Not available to play";
  view.replaceChildren(billboard(title, { kicker, actions, extra: [table(title)].filter(Boolean) }));
  say("");
  const more = [...(isSeries ? await episodes(title) : []), await alike(title)].filter(Boolean);
  if (view.querySelector("#billboard-title")?.textContent === title.title) view.append(...more);
}

// A title's own page: what it is, who made it, play or go on, seasons and episodes, thumbs, and more of the kind.

import * as api from "./api.js";
import { billboard, card, element, isComing, length, playLink, poster, row, seenBar } from "./cards.js";
import { contextLine, contextOf, gathered, seasonsOf, standing } from "./episodes.js";
import { resumeAt } from "./recovery.js";
import { seenTitles } from "./seen.js";
import { thumbs } from "./thumbs.js";
import * as titles from "./titles.js";
import { languageName } from "./tracks.js";

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function table(title) {
  const crew = (title.people ?? []).map((one) => (one.role ? `${one.name} (${one.role})` : one.name));
  const rows = [
    ["Cast", (title.cast ?? []).slice(0, 12).join(", ")],
    ["People", crew.slice(0, 12).join(", ")],
    ["Audio", (title.languages ?? []).map(languageName).join(", ")],
    ["Subtitles", (title.subtitles ?? []).map(languageName).join(", ")],
    ["Age", title.maturity ? `From ${title.maturity} years` : ""],
    ["Rating", title.rating ? `${title.rating} of 10` : ""],
  ].filter(([, value]) => value);
  return rows.length ? element("dl", { class: "about-table" }, rows.map(([key, value]) => [element("dt", {}, key), element("dd", {}, value)])) : null;
}

function episode(title, seen) {
  const number = title.number ? `${title.number}. ` : "";
  const picture = poster(title);
  const begun = seen.find((one) => one.contentId === title.contentId);
  if (begun?.duration) picture.append(seenBar(begun));
  const inner = [picture, element("span", { class: "result-text" },
    element("span", { class: "result-title" }, `${number}${title.title}`),
    element("span", { class: "card-facts" }, length(title.durationSeconds) || "Not available to play"),
    element("span", { class: "result-snippet" }, title.description ?? ""))];
  return element("li", {}, title.playable ? element("a", { class: "result", href: `#play=${encodeURIComponent(title.contentId)}` }, inner)
    : element("div", { class: "result" }, inner));
}

/** A season of a series as a section; `number` is its place where it has no name. */
function season({ season: of, episodes }, number, seen) {
  const name = of?.title || (of?.number ? `Season ${of.number}` : number ? `Season ${number}` : "Episodes");
  return element("section", { class: "season", "aria-label": name }, element("h2", {}, name), element("ul", { class: "results" }, episodes.map((one) => episode(one, seen))));
}

/** The ways to play a title, from `position` seconds on or from its start; `line`: the place of an episode in its series. */
function playing({ contentId, position, line = "" }) {
  const at = position ? `Resume ${line ? `${line} ` : ""}at ${clock(position)}` : ["Play", line].filter(Boolean).join(" ");
  return [playLink(contentId, at), position ? element("a", { class: "quiet", href: `#play=${encodeURIComponent(contentId)}&from=0` }, "From the start") : null];
}

/** Where an episode is in its series: "S1 E2". */
function placeIn(seasons, one) {
  const found = seasons.find(({ episodes }) => episodes.includes(one));
  return [found?.season?.number ? `S${found.season.number}` : "", one.number ? `E${one.number}` : ""].filter(Boolean).join(" ");
}

async function alike(title) {
  const genre = title.genres?.[0];
  if (!genre) return null;
  const found = await api.search({ genre, limit: 24 }).catch(() => ({ items: [] }));
  const { series } = await contextOf(title);
  const whole = await gathered(await titles.all(found.items.map((one) => one.contentId)));
  const others = whole.filter((one) => one.contentId !== title.contentId && one.contentId !== series?.contentId);
  others.sort((one, other) => Number(other.playable) - Number(one.playable));
  return others.length ? row("More like this", others.slice(0, 18).map((one) => card(one)), `#browse&genre=${encodeURIComponent(genre)}`) : null;
}

export async function details(view, say, contentId, userId) {
  const title = await titles.full(contentId);
  const isSeries = title.kind === "series" || title.kind === "season";
  const [seen, seasons, line] = await Promise.all([seenTitles(), isSeries ? seasonsOf(title) : [], contextLine(title).catch(() => "")]);
  const positionOf = (id) => {
    const one = seen.find((begun) => begun.contentId === id);
    return one ? resumeAt(one.position, one.duration) : 0;
  };
  const actions = title.playable ? playing({ contentId, position: positionOf(contentId) }) : [];
  const at = isSeries ? standing(seasons, seen) : null;
  if (at) actions.push(...playing({ contentId: at.episode.contentId, position: positionOf(at.episode.contentId), line: placeIn(seasons, at.episode) }));
  actions.push(element("div", { class: "thumbs" }, thumbs(contentId, userId)));
  const state = title.playable || isSeries ? "" : isComing(title) ? "Coming soon" : "Not available to play";
  const { series, season: of } = await contextOf(title);
  const above = series ?? (title.kind === "episode" ? of : null);
  const kicker = above ? element("a", { href: `#title=${encodeURIComponent(above.contentId)}` }, line || above.title) : state;
  view.replaceChildren(billboard({ ...title, thumbnail: title.thumbnail ?? at?.episode.thumbnail }, { kicker, actions, extra: [table(title)].filter(Boolean) }), ...seasons.map((one, index) => season(one, seasons.length > 1 ? index + 1 : 0, seen)));
  say("");
  const more = await alike(title);
  if (more) view.append(more);
}

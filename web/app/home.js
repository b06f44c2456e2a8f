// The first page: what is featured, what was begun, what is ready, what is recommended, and a row for each large genre.

import * as api from "./api.js";
import { billboard, card, element, icon, playLink, row } from "./cards.js";
import { seenTitles } from "./seen.js";
import * as titles from "./titles.js";

const GENRE_ROWS = 6;
const LEAST_IN_A_ROW = 3;
const PAGE = 100;

/** The genres that most of these titles have. */
function largestGenres(list) {
  const counts = new Map();
  for (const title of list) for (const genre of title.genres ?? []) counts.set(genre, (counts.get(genre) ?? 0) + 1);
  return [...counts].filter(([, count]) => count >= LEAST_IN_A_ROW).sort((one, other) => other[1] - one[1])
    .slice(0, GENRE_ROWS).map(([genre]) => genre);
}

export async function home(view, say, userId) {
  const [page, liked, seen] = await Promise.all([
    api.titles(PAGE), api.recommendations(userId, 24).catch(() => []), seenTitles()]);
  titles.keep(page.titles);
  const ready = page.titles.filter((title) => title.playable);
  const [recommended, watching] = await Promise.all([
    titles.all(liked.map((one) => one.contentId)), titles.all(seen.map((one) => one.contentId))]);
  const at = new Map(seen.map((one) => [one.contentId, one]));
  const rows = [];
  const add = (name, list, more = "") => { if (list.length) rows.push(row(name, list, more)); };
  add("Continue watching", watching.filter((title) => title.playable).map((title) => card(title, at.get(title.contentId))));
  add("Ready to play", ready.slice(0, 24).map((title) => card(title)), "#browse=playable");
  add("Recommended for you", recommended.map((title) => card(title)));
  for (const genre of largestGenres(page.titles)) {
    const list = page.titles.filter((title) => title.genres?.includes(genre)).slice(0, 24);
    add(genre, list.map((title) => card(title)), `#browse&genre=${encodeURIComponent(genre)}`);
  }
  if (rows.length < 3) add("In the catalogue", page.titles.filter((title) => !title.playable).slice(0, 24).map((title) => card(title)), "#browse");
  const featured = ready[0];
  const info = (title) => element("a", { class: "quiet", href: `#title=${encodeURIComponent(title.contentId)}` }, icon("M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 7.9v.1"), "More about it");
  view.replaceChildren(
    featured ? billboard(featured, { kicker: "Ready to play", actions: [playLink(featured.contentId), info(featured)], linked: true })
      : element("h1", { class: "page-title" }, "Films"),
    ...rows);
  say(page.titles.length ? "" : "There are no films here yet. Ingest one, and it appears.");
  return [...new Set(ready.map((title) => title.attribution).filter(Boolean))].slice(0, 5).join(" · ");
}

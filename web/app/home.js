// The first page: what is featured, what was begun, what is ready, and the rows of the recommendations with their reasons.
// Without these rows: recommendations as one row, and a row for each large genre.

import * as api from "./api.js";
import { billboard, card, element, icon, playLink, row } from "./cards.js";
import { contextLine, gathered } from "./episodes.js";
import { seenTitles } from "./seen.js";
import * as titles from "./titles.js";

const GENRE_ROWS = 6;
const MAX_ROWS = 20;
const LEAST_IN_A_ROW = 3;
const IN_A_ROW = 24;
const PAGE = 100;
/** What viewers read of a row's reason (docs/errors.md); the other reasons are in the row's title. */
const REASONS = {
  "for-you": "From what you have watched",
  "because-you-watched": "People who watched it also watch these",
  "featured": "Featured by our editors",
  "curated": "Chosen by our editors",
};

/** The genres that most of these titles have. */
function largestGenres(list) {
  const counts = new Map();
  for (const title of list) for (const genre of title.genres ?? []) counts.set(genre, (counts.get(genre) ?? 0) + 1);
  return [...counts].filter(([, count]) => count >= LEAST_IN_A_ROW).sort((one, other) => other[1] - one[1])
    .slice(0, GENRE_ROWS).map(([genre]) => genre);
}

const cards = (list) => list.slice(0, IN_A_ROW).map((title) => card(title));

async function continued(seen) {
  const at = new Map(seen.map((one) => [one.contentId, one]));
  const watching = (await titles.all(seen.map((one) => one.contentId))).filter((title) => title.playable);
  return Promise.all(watching.map(async (title) => card(title, at.get(title.contentId), await contextLine(title).catch(() => ""))));
}

/** The rows that the platform recommends, as elements; those without any title that can be shown are left out. */
async function recommendedRows(rows) {
  const others = rows.filter(({ reason }) => reason !== "continue-watching"); // the page has its own, with positions
  await titles.all([...new Set(others.flatMap(({ items }) => items.map((one) => one.contentId)))]);
  const made = await Promise.all(others.slice(0, MAX_ROWS).map(async ({ title, reason, items }) => {
    const list = await gathered(await titles.all(items.map((one) => one.contentId)));
    return list.length ? row(title, cards(list), "", REASONS[reason]) : null;
  }));
  return made.filter(Boolean);
}

async function plainRows(list, userId) {
  const liked = await api.recommendations(userId, IN_A_ROW).catch(() => []);
  const recommended = await gathered(await titles.all(liked.map((one) => one.contentId)));
  const genres = largestGenres(list).map((genre) =>
    row(genre, cards(list.filter((title) => title.genres?.includes(genre))), `#browse&genre=${encodeURIComponent(genre)}`));
  return recommended.length ? [row("Recommended for you", cards(recommended)), ...genres] : genres;
}

export async function home(view, say, userId) {
  const [page, offered, seen] = await Promise.all([api.titles(PAGE), api.rows(userId), seenTitles()]);
  titles.keep(page.titles);
  const list = await gathered(page.titles);
  const ready = list.filter((title) => title.playable);
  const [begun, wanted] = await Promise.all([
    continued(seen), offered?.length ? recommendedRows(offered) : plainRows(list, userId)]);
  const rows = [];
  if (begun.length) rows.push(row("Continue watching", begun));
  if (ready.length) rows.push(row("Ready to play", cards(ready), "#browse=playable"));
  rows.push(...wanted);
  const rest = list.filter((title) => !title.playable);
  if (rows.length < 3 && rest.length) rows.push(row("In the catalogue", cards(rest), "#browse"));
  const featured = ready.find((title) => title.kind !== "series") ?? ready[0];
  const info = (title) => element("a", { class: "quiet", href: `#title=${encodeURIComponent(title.contentId)}` }, icon("M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 7.9v.1"), "More about it");
  const actions = featured ? [featured.kind === "series" ? null : playLink(featured.contentId), info(featured)] : [];
  view.replaceChildren(
    featured ? billboard(featured, { kicker: "Ready to play", actions, linked: true }) : element("h1", { class: "page-title" }, "Films"),
    ...rows);
  say(list.length ? "" : "There are no films here yet. Ingest one, and it appears.");
  return [...new Set(ready.map((title) => title.attribution).filter(Boolean))].slice(0, 5).join(" · ");
}

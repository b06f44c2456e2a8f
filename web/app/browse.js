// Search as one types, and browsing by genre: pages that go on as one scrolls, with the true total where it is counted.

import * as api from "./api.js";
import { card, element, endless, grid, result } from "./cards.js";
import { contextLine, gathered } from "./episodes.js";
import * as titles from "./titles.js";

const SORTS = [["popularity", "Most popular"], ["year", "Newest"], ["title", "A to Z"]];
const number = new Intl.NumberFormat("en");

const count = (total, shown) => {
  if (total === null || total === undefined) return `The first ${number.format(shown)} titles`;
  return `${number.format(total)} ${total === 1 ? "title" : "titles"}`;
};

/** Fill a list page by page. `make(item)` makes an element; `next(cursor)` asks for a page. */
function flow(list, first, next, make) {
  const shown = new Set(); // a title may come again: the list has moved on meanwhile, or an episode brings its series
  const add = ({ items }) => {
    const others = items.filter((item) => !shown.has(item.contentId));
    for (const item of others) shown.add(item.contentId);
    list.append(...others.map((item) => element("li", {}, make(item))));
  };
  add(first);
  let cursor = first.nextCursor;
  if (cursor) endless(list, async () => {
    const page = await next(cursor);
    add(page);
    cursor = page.nextCursor;
    return Boolean(cursor);
  });
}

/** A page of search with what the catalogue knows of each title: pictures, and whether it plays. */
async function page(wanted, signal) {
  const found = await api.search(wanted, signal);
  const whole = new Map((await titles.all(found.items.map((item) => item.contentId))).map((title) => [title.contentId, title]));
  const items = found.items.filter((item) => titles.isSuitable(whole.get(item.contentId) ?? item));
  await titles.all(items.map((item) => whole.get(item.contentId)?.parent).filter(Boolean)); // at one go, not one by one
  return { ...found, items: await Promise.all(items.map(async (item) => {
    const title = whole.get(item.contentId);
    return { ...title, ...item, playable: title?.playable, line: title ? await contextLine(title).catch(() => "") : "" };
  })) };
}

/** The genres that are counted, the most frequent first: from `[{value, count}]` or `{value: count}`. */
const countedGenres = (facet = {}) => (Array.isArray(facet) ? facet.map(({ value }) => value) : Object.keys(facet));

/** A heading and how many titles there are, which is also said to those who do not see it. */
function headed(say, title, text) {
  say(text);
  return [element("h1", { class: "page-title" }, title), element("p", { class: "count", "aria-hidden": "true" }, text)];
}

const searchAddress = (text) => `#q=${encodeURIComponent(text)}`;

/** What the words may go on to: titles, people and genres, as links. */
function suggestions(found, text) {
  const place = ({ kind, text: name, contentId }) => {
    if (kind === "title" && contentId) return `#title=${encodeURIComponent(contentId)}`;
    return kind === "genre" ? address({ genre: name }) : searchAddress(name);
  };
  const others = found.filter((one) => one.text.toLowerCase() !== text.toLowerCase());
  return others.length ? element("nav", { class: "chips suggested", "aria-label": "Suggestions" }, others.map((one) => element("a", { class: "chip", href: place(one) }, one.text))) : null;
}

let searching = null;

export async function search(view, say, text) {
  searching?.abort();
  const mine = searching = new AbortController();
  if (!text) return showTrending(view, say, mine.signal);
  const title = `Results for “${text}”`;
  const suggested = api.suggest(text, mine.signal).catch(() => []);
  try {
    const found = await page({ query: text }, mine.signal);
    if (mine.signal.aborted) return;
    const list = element("ul", { class: "results" });
    const counted = found.items.length ? count(found.total, found.items.length) : "Nothing found. Try fewer or other words.";
    const meant = found.didYouMean && found.didYouMean.toLowerCase() !== text.toLowerCase()
      ? element("p", { class: "meant" }, "Did you mean ", element("a", { href: searchAddress(found.didYouMean) }, found.didYouMean), "?") : null;
    view.replaceChildren(...[...headed(say, title, counted), meant, list].filter(Boolean));
    const shown = (item) => result(item, () => api.chosen(text, item.contentId));
    flow(list, found, (cursor) => page({ query: text, cursor }, undefined), shown);
    const more = suggestions(await suggested, text);
    if (more && !mine.signal.aborted) list.before(more);
  } catch (error) {
    if (mine.signal.aborted) return;
    view.replaceChildren(...headed(say, title, "Search is having trouble right now. Please try again in a moment."));
  }
}

/** Before anything is typed: what is watched now. */
async function showTrending(view, say, signal) {
  const found = await titles.all((await api.trending()).map((one) => one.contentId));
  if (signal.aborted) return;
  const list = await gathered(found);
  view.replaceChildren(element("h1", { class: "page-title" }, "Search"),
    element("p", { class: "count" }, list.length ? "Watched now" : "Titles, people, genres: what are you looking for?"), grid(list.map((one) => card(one))));
  say("");
}

/** The whole catalogue, most popular first: the list that is there without search. */
async function listed(cursor, playable) {
  const found = await api.titles(60, cursor);
  titles.keep(found.titles);
  const items = await gathered(playable ? found.titles.filter((title) => title.playable) : found.titles);
  // Titles that play come first in the list: once one does not, no later one does.
  const over = playable && found.titles.some((title) => !title.playable);
  const nextCursor = over ? null : found.nextCursor;
  return { items, nextCursor, total: cursor || nextCursor ? null : items.length };
}

const address = (values) => `#${new URLSearchParams(Object.entries({ browse: "", ...values }).filter(([key, value]) => key === "browse" || value))}`;

export async function browse(view, say, { genre, sort, playable }) {
  say("Loading…");
  const chosen = { genre, sort: sort || "popularity" };
  const plain = !genre && chosen.sort === "popularity";
  const next = plain ? (cursor) => listed(cursor, playable) : (cursor) => page({ ...chosen, playable, cursor });
  const [found, all] = await Promise.all([next(), api.counted(playable)]);
  const sample = async () => (plain ? found.items : (await listed("", false)).items).flatMap((title) => title.genres ?? []);
  const known = countedGenres((all ?? found).facets?.genre);
  const genres = known.length ? known : [...new Set([genre, ...await sample()].filter(Boolean))];
  const chip = (name, values, on) => element("a", { class: "chip", href: address(values), "aria-current": on ? "true" : null }, name);
  const kept = { sort: sort || "", playable: playable ? "1" : "" };
  const select = element("select", { id: "sort" }, SORTS.map(([value, name]) => element("option", { value, selected: chosen.sort === value }, name)));
  select.addEventListener("change", () => { location.hash = address({ genre, ...kept, sort: select.value }); });
  const list = grid([]);
  const total = plain ? all?.total ?? found.total : found.total;
  const counted = found.items.length ? (plain && found.nextCursor && !total ? "" : count(total, found.items.length)) : "There is nothing here yet.";
  view.replaceChildren(
    ...headed(say, genre || (playable ? "Ready to play" : "Browse"), counted),
    element("div", { class: "filters" },
      element("nav", { class: "chips", "aria-label": "Genres" }, chip("All", kept, !genre),
        genres.slice(0, 20).map((name) => chip(name, { genre: name, ...kept }, name === genre))),
      element("div", { class: "sorting" },
        element("a", { class: "chip", href: address({ genre, sort, playable: playable ? "" : "1" }), "aria-current": playable ? "true" : null }, "Ready to play"),
        genre || all ? [element("label", { for: "sort" }, "Sort"), select] : null)),
    list);
  flow(list, found, next, (item) => card(item));
}

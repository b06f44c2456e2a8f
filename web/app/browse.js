// Search as one types, and browsing by genre: pages that go on as one scrolls, with the true total where it is counted.

import * as api from "./api.js";
import { card, element, endless, grid, result } from "./cards.js";
import * as titles from "./titles.js";

const SORTS = [["popularity", "Most popular"], ["year", "Newest"], ["title", "A to Z"]];
const number = new Intl.NumberFormat("en");

const count = (total, shown) => {
  if (total === null || total === undefined) return `The first ${number.format(shown)} titles`;
  return `${number.format(total)} ${total === 1 ? "title" : "titles"}`;
};

/** Fill a list page by page. `make(item)` makes an element; `next(cursor)` asks for a page. */
function flow(list, first, next, make) {
  list.append(...first.items.map((item) => element("li", {}, make(item))));
  let cursor = first.nextCursor;
  if (cursor) endless(list, async () => {
    const page = await next(cursor);
    list.append(...page.items.map((item) => element("li", {}, make(item))));
    cursor = page.nextCursor;
    return Boolean(cursor);
  });
}

/** A page of search with what the catalogue knows of each title: pictures, and whether it plays. */
async function page(wanted, signal) {
  const found = await api.search(wanted, signal);
  const whole = new Map((await titles.all(found.items.map((item) => item.contentId))).map((title) => [title.contentId, title]));
  return { ...found, items: found.items.map((item) => ({ ...whole.get(item.contentId), ...item, playable: whole.get(item.contentId)?.playable })) };
}

/** A heading and how many titles there are, which is also said to those who do not see it. */
function headed(say, title, text) {
  say(text);
  return [element("h1", { class: "page-title" }, title), element("p", { class: "count", "aria-hidden": "true" }, text)];
}

let searching = null;

export async function search(view, say, text) {
  searching?.abort();
  const mine = searching = new AbortController();
  const title = `Results for “${text}”`;
  try {
    const found = await page({ query: text }, mine.signal);
    if (mine.signal.aborted) return;
    const list = element("ul", { class: "results" });
    const counted = found.items.length ? count(found.total, found.items.length) : "Nothing found. Try fewer or other words.";
    view.replaceChildren(...headed(say, title, counted), list);
    flow(list, found, (cursor) => page({ query: text, cursor }, undefined), result);
  } catch (error) {
    if (mine.signal.aborted) return;
    view.replaceChildren(...headed(say, title, "Search is having trouble right now. Please try again in a moment."));
  }
}

/** The whole catalogue, most popular first: the list that is there without search. */
async function listed(cursor, playable) {
  const found = await api.titles(60, cursor);
  titles.keep(found.titles);
  const items = playable ? found.titles.filter((title) => title.playable) : found.titles;
  // Titles that play come first in the list: once one does not, no later one does.
  const over = playable && items.length < found.titles.length;
  const nextCursor = over ? null : found.nextCursor;
  return { items, nextCursor, total: cursor || nextCursor ? null : items.length };
}

const address = (values) => `#${new URLSearchParams(Object.entries({ browse: "", ...values }).filter(([key, value]) => key === "browse" || value))}`;

export async function browse(view, say, { genre, sort, playable }) {
  say("Loading…");
  const chosen = { genre, sort: sort || "popularity" };
  const plain = !genre && chosen.sort === "popularity";
  const next = plain ? (cursor) => listed(cursor, playable) : (cursor) => page({ ...chosen, playable, cursor });
  const found = await next();
  const sample = plain ? found.items : (await listed("", false)).items;
  const genres = Object.keys(found.facets?.genre ?? {}).length ? Object.keys(found.facets.genre)
    : [...new Set([genre, ...sample.flatMap((title) => title.genres ?? [])].filter(Boolean))];
  const chip = (name, values, on) => element("a", { class: "chip", href: address(values), "aria-current": on ? "true" : null }, name);
  const kept = { sort: sort || "", playable: playable ? "1" : "" };
  const select = element("select", { id: "sort" }, SORTS.map(([value, name]) => element("option", { value, selected: chosen.sort === value }, name)));
  select.addEventListener("change", () => { location.hash = address({ genre, ...kept, sort: select.value }); });
  const list = grid([]);
  const counted = found.items.length ? (plain && found.nextCursor ? "" : count(found.total, found.items.length)) : "There is nothing here yet.";
  view.replaceChildren(
    ...headed(say, genre || (playable ? "Ready to play" : "Browse"), counted),
    element("div", { class: "filters" },
      element("nav", { class: "chips", "aria-label": "Genres" }, chip("All", kept, !genre),
        genres.slice(0, 20).map((name) => chip(name, { genre: name, ...kept }, name === genre))),
      element("div", { class: "sorting" },
        element("a", { class: "chip", href: address({ genre, sort, playable: playable ? "" : "1" }), "aria-current": playable ? "true" : null }, "Ready to play"),
        genre ? [element("label", { for: "sort" }, "Sort"), select] : null)),
    list);
  flow(list, found, next, (item) => card(item));
}

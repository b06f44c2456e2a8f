// The viewers' page: rows, search as one types, a player. The address after # says where one is, so Back works.

import * as api from "./api.js";
import { element, facts, hero, poster, result, row } from "./cards.js";
import { Player } from "./player.js";

const SEARCH_PAUSE_MS = 140;
const at = (id) => document.getElementById(id);
const known = new Map();
let player = null;
let home = "";
let opener = null;

const say = (text) => { at("status").textContent = text; };

function open(title) {
  opener = document.activeElement;
  location.hash = `title=${encodeURIComponent(title.contentId)}`;
}

async function full(contentId) {
  if (!known.has(contentId)) known.set(contentId, await api.title(contentId));
  return known.get(contentId);
}

async function show(contentId) {
  let title;
  try {
    title = await full(contentId);
  } catch (error) {
    say(error.message);
    leave();
    return;
  }
  if (title.playable) player.play(title);
  else details(title);
}

function details(title) {
  const close = element("button", { class: "play", type: "button", onclick: () => leave() }, "Close");
  at("details").replaceChildren(
    poster(title, { wide: true }),
    element("div", {},
      element("h2", { id: "details-title" }, title.title),
      element("p", { class: "hero-facts" }, facts(title)),
      element("p", { class: "soon" }, "Not ready to play yet."),
      title.description ? element("p", {}, title.description) : null,
      title.cast?.length ? element("p", { class: "cast" }, `With ${title.cast.slice(0, 8).join(", ")}`) : null,
      close));
  at("details").showModal();
}

function leave() {
  location.hash = home;
}

async function route() {
  const values = new URLSearchParams(location.hash.slice(1));
  const contentId = values.get("title");
  if (at("details").open) at("details").close();
  if (player.open) {
    player.stop();
    opener?.focus();
  }
  if (contentId) {
    await show(contentId);
    return;
  }
  home = location.hash.slice(1);
  const text = values.get("q") ?? "";
  if (at("search").value.trim() !== text) at("search").value = text;
  await find(text);
}

let searching = null;

async function find(text) {
  searching?.abort();
  const results = at("results");
  results.hidden = !text;
  at("home").hidden = Boolean(text);
  if (!text) {
    say("");
    return;
  }
  const mine = searching = new AbortController();
  try {
    const found = await api.search(text, mine.signal);
    if (mine.signal.aborted) return;
    say(found.length ? `${found.length} ${found.length === 1 ? "title" : "titles"} for “${text}”` : `Nothing found for “${text}”`);
    results.replaceChildren(element("ul", {}, ...found.map((one) => result({ ...known.get(one.contentId), ...one }, open))));
  } catch (error) {
    if (!mine.signal.aborted) {
      say("Search is having trouble right now. Please try again in a moment.");
      results.replaceChildren();
    }
  }
}

function listenToSearch() {
  let pause = 0;
  const go = () => {
    const text = at("search").value.trim();
    const hash = text ? `q=${encodeURIComponent(text)}` : "";
    if (location.hash.slice(1) !== hash) {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
      route();
    }
  };
  at("search").addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(go, SEARCH_PAUSE_MS); });
  at("search-form").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(pause); go(); });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !player.open && document.activeElement !== at("search")) {
      event.preventDefault();
      at("search").focus();
    } else if (event.key === "Escape" && player.open && !document.fullscreenElement) {
      leave();
    }
  });
  at("details").addEventListener("cancel", (event) => { event.preventDefault(); leave(); });
}

async function fill(userId) {
  const [page, liked] = await Promise.all([api.titles(60), api.recommendations(userId, 24).catch(() => [])]);
  for (const title of page.titles) known.set(title.contentId, title);
  const ready = page.titles.filter((title) => title.playable);
  const missing = liked.map((one) => one.contentId).filter((contentId) => !known.has(contentId));
  const others = missing.length ? await api.named(missing).catch(() => ({ titles: [] })) : { titles: [] };
  for (const title of others.titles) known.set(title.contentId, title);
  const recommended = liked.map((one) => known.get(one.contentId)).filter(Boolean);
  const more = page.titles.filter((title) => !title.playable).slice(0, 24);
  const rows = [["Ready to play", ready], ["Recommended for you", recommended]];
  if (!recommended.length) rows.push(["In the catalogue", more]);
  at("rows").replaceChildren(...rows.filter(([, list]) => list.length).map(([name, list]) => row(name, list, open)));
  at("hero").hidden = !ready.length;
  if (ready.length) at("hero").replaceChildren(...hero(ready[0], open));
  at("credits").textContent = [...new Set(ready.map((title) => title.attribution).filter(Boolean))].join(" · ");
  say(page.titles.length ? "" : "There are no films here yet. Ingest one, and it appears.");
}

async function begin() {
  say("Loading…");
  try {
    const { userId } = await api.viewer();
    player = new Player(userId, leave);
    listenToSearch();
    addEventListener("hashchange", () => route());
    await fill(userId);
    await route();
  } catch (error) {
    say(error instanceof api.Trouble ? "We're having trouble right now. Please reload in a moment." : String(error));
  }
}

begin();

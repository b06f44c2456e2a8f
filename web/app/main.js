// The viewers' page. The address after # says where one is, so that Back works and every place can be linked.

import * as accounts from "./accounts.js";
import * as api from "./api.js";
import { browse, search } from "./browse.js";
import { details } from "./details.js";
import { home } from "./home.js";
import { Player } from "./player.js";
import * as titles from "./titles.js";

const SEARCH_PAUSE_MS = 140;
const at = (id) => document.getElementById(id);
let player = null;
let guest = "";
let shown = null; // the page below the player
let scrolled = new Map();
let run = 0;
let depth = history.state?.depth ?? 0; // how many entries of this page are behind: Back stays on the page while there are

const say = (text) => { at("status").textContent = text; };
const userId = () => api.account()?.profileId ?? guest;

/** The place that a fragment names: its first key, and all its values. */
export function placeOf(hash) {
  const text = hash.replace(/^#/, "");
  if (text.startsWith("/reset/")) return { name: "reset", token: text.slice(7) };
  const values = Object.fromEntries(new URLSearchParams(text));
  return { name: text.split(/[=&]/)[0], ...values };
}

function leavePlayer() {
  if (player.failed) accounts.follow(); // a stream that was ended may mean that the log-in was, too
  if (history.state?.depth > 0) history.back();
  else location.hash = shown ?? "";
}

async function route() {
  const place = placeOf(location.hash);
  if (place.name === "play") return play(place);
  if (player.open) player.stop();
  const key = location.hash;
  if (shown === key && at("view").childElementCount) {
    if (place.name === "title" || place.name === "") await show(place, key); // the position has changed
    return undefined;
  }
  if (shown !== null) scrolled.set(shown, scrollY);
  shown = key;
  if (place.name !== "q" && document.activeElement !== at("search")) at("search").value = "";
  return show(place, key);
}

/** The page as the place that is shown now may draw on it. A slow answer for a place that was left changes nothing. */
function canvasOf(mine) {
  const view = at("view");
  const whileShown = (draw) => (...given) => { if (mine === run) draw(...given); };
  const canvas = { isBlank: true };
  return Object.assign(canvas, {
    replaceChildren: whileShown((...children) => {
      canvas.isBlank = false;
      view.replaceChildren(...children);
    }),
    append: whileShown((...children) => view.append(...children)),
    say: whileShown(say),
    credit: whileShown((text) => { at("credits").textContent = text; }),
    go: whileShown((hash) => { location.hash = hash; }),
  });
}

async function show(place, key) {
  const mine = ++run;
  const view = at("view");
  document.body.dataset.place = place.name || "home";
  at("nav-browse").toggleAttribute("aria-current", place.name === "browse");
  const canvas = canvasOf(mine);
  try {
    await draw(place, canvas);
  } catch (error) {
    if (mine !== run) return;
    if (canvas.isBlank) view.replaceChildren(accounts.nothingHere(error.status === 404 ? undefined : "That did not work")); // not the place before, as if it were this one
    say(error instanceof api.Trouble ? error.message : "Something did not work. Please reload in a moment.");
    if (!(error instanceof api.Trouble)) throw error;
  }
  if (mine !== run) return;
  document.title = view.querySelector("h1")?.textContent && place.name ? `${view.querySelector("h1").textContent} · Matinee` : "Matinee";
  if (place.name !== "q") scrollTo(0, scrolled.get(key) ?? 0);
}

async function draw(place, view) {
  const { say: tell } = view;
  switch (place.name) {
    case "title": return details(view, tell, place.title, userId);
    case "browse": return browse(view, tell, { ...place, playable: place.playable === "1" || place.browse === "playable" });
    case "q": {
      if (at("search").value.trim() !== place.q) at("search").value = place.q;
      return search(view, tell, place.q);
    }
    case "": {
      view.credit(await home(view, tell, userId()));
      return undefined;
    }
    default: return accounts.draw(view, tell, place);
  }
}

async function play(place) {
  const contentId = place.play;
  if (shown === null) {
    shown = "";
    show(placeOf(""), "");
  } else scrolled.set(shown, scrollY);
  const known = titles.lookup(contentId) ?? { contentId, title: "" };
  await player.play(known, place.from === undefined ? null : Math.max(0, Number(place.from) || 0));
}

function listenToSearch() {
  let pause = 0;
  const go = (asked = false) => {
    const text = at("search").value.trim();
    const hash = text || asked ? `#q=${encodeURIComponent(text)}` : "#";
    if (location.hash === hash || (hash === "#" && !location.hash)) return;
    if (placeOf(location.hash).name === "q") history.replaceState(history.state, "", hash);
    else history.pushState({ depth: (depth += 1) }, "", hash);
    route();
  };
  at("search").addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(go, SEARCH_PAUSE_MS); });
  at("search-form").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(pause); go(true); });
  addEventListener("keydown", (event) => {
    const typing = /^(input|textarea|select)$/i.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !player.open && !typing) {
      event.preventDefault();
      at("search").focus();
    }
  });
}

async function begin() {
  say("Loading…");
  accounts.showWho(at("who"));
  addEventListener("matinee-account", () => { accounts.showWho(at("who")); shown = null; });
  addEventListener("storage", (event) => { if (event.key === "matinee.account") dispatchEvent(new Event("matinee-account")); });
  at("skip").addEventListener("click", (event) => { event.preventDefault(); at("content").focus(); });
  try {
    const viewer = await api.viewer();
    guest = viewer.userId;
    accounts.offerProvider(viewer.logInProvider);
    accounts.follow();
  } catch {
    say("We're having trouble right now. Please reload in a moment.");
    return;
  }
  player = new Player(userId, leavePlayer, (next) => location.replace(`#play=${encodeURIComponent(next)}`));
  listenToSearch();
  addEventListener("hashchange", () => {
    // A link makes an entry without state; Back and Forward come to one that has it.
    depth = history.state?.depth ?? depth + 1;
    history.replaceState({ depth }, "");
    route();
  });
  history.replaceState({ depth }, "");
  await route();
}

begin();

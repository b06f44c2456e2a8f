// Cards, rows and pictures: elements made of titles. Text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== "" && child !== false));
  return made;
}

export function icon(path, name = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${name}`.trim());
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
export const PLAY = "M7 4.5v15l12-7.5z";

/** "1 h 52 min", "55 s". */
export function length(seconds) {
  if (!seconds) return "";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const facts = (title) => [title.year, (title.genres ?? []).slice(0, 3).join(", "), length(title.durationSeconds)]
  .filter(Boolean).join(" · ");

/** Whether a title that cannot be played is still to come: released later, or of a coming year. */
export function isComing(title, now = new Date()) {
  if (title.playable) return false;
  if (title.availableFrom) return new Date(title.availableFrom) > now;
  return (title.year ?? 0) > now.getFullYear();
}

/** A number below `most` that is always the same for a text. */
function fixed(text, most) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 1000003;
  return sum % most;
}

const pictureOf = (title, wide) => {
  const wanted = wide ? ["backdrop", "thumbnail", "poster"] : ["thumbnail", "backdrop", "poster"];
  const art = wanted.map((kind) => title.artwork?.find((one) => one.kind === kind && /^(https:\/\/|\/artwork\/)/.test(one.url))).find(Boolean);
  return art?.url ?? title.thumbnail;
};

/** A title's picture; until it is there, and where there is none, art made of its name (`wide`: the name stands elsewhere). */
export function poster(title, { wide = false } = {}) {
  const box = element("span", { class: wide ? "poster wide" : "poster", "aria-hidden": "true", "data-art": fixed(title.contentId, 4) });
  box.style.setProperty("--hue", fixed(title.contentId, 360));
  box.style.setProperty("--shift", `${20 + fixed(title.title ?? "", 60)}%`);
  const name = wide ? null : element("span", { class: "poster-name" }, element("span", {}, title.title));
  if (name) box.append(name);
  const source = pictureOf(title, wide);
  if (source) {
    const picture = element("img", { src: source, alt: "", loading: wide ? "eager" : "lazy", decoding: "async" });
    picture.addEventListener("error", () => picture.remove());
    picture.addEventListener("load", () => { box.classList.add("pictured"); name?.remove(); });
    box.append(picture);
  }
  return box;
}

/** How much of a film of `duration` seconds has been watched. */
export function seenBar({ position, duration }) {
  const bar = element("span", { class: "seen" }, element("span"));
  bar.firstChild.style.width = `${Math.min(100, (100 * position) / duration)}%`;
  return bar;
}

/** A link to a title's page. `seen`: {position, duration} of a film that was begun; `line`: what an episode belongs to. */
export function card(title, seen = null, line = "") {
  const picture = poster(title);
  if (title.playable) picture.append(element("span", { class: "badge go" }, icon(PLAY, "solid")));
  else if (isComing(title)) picture.append(element("span", { class: "badge" }, "Soon"));
  if (seen?.duration) picture.append(seenBar(seen));
  const left = seen?.duration ? `${length(Math.max(60, seen.duration - seen.position))} left` : facts(title);
  const href = seen ? `#play=${encodeURIComponent(title.contentId)}` : `#title=${encodeURIComponent(title.contentId)}`;
  return element("a", { class: title.playable ? "card" : "card unplayable", href },
    picture,
    element("span", { class: "card-title" }, title.title),
    element("span", { class: "card-facts" }, [line, left].filter(Boolean).join(" · ")));
}

/** A row that scrolls sideways; arrow keys move along it. `more` is the address of all of it, `reason` says why it is there. */
export function row(name, cards, more = "", reason = "") {
  const list = element("ul", { class: "cards" }, cards.map((one) => element("li", {}, one)));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...list.querySelectorAll(".card")];
    const next = all[all.indexOf(document.activeElement) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
  const turn = (by) => element("button", {
    class: "turn", type: "button", "aria-label": by < 0 ? `${name}, back` : `${name}, on`,
    onclick: () => list.scrollBy({ left: by * list.clientWidth * 0.85, behavior: "smooth" }),
  }, icon(by < 0 ? "M15 5l-7 7 7 7" : "M9 5l7 7-7 7"));
  const turns = element("div", { class: "turns" }, turn(-1), turn(1));
  const fits = () => { turns.hidden = list.scrollWidth <= list.clientWidth + 4; };
  new ResizeObserver(fits).observe(list);
  return element("section", { class: "row", "aria-label": name },
    element("div", { class: "row-head" }, element("h2", {}, name),
      reason ? element("p", { class: "reason" }, reason) : null,
      more ? element("a", { class: "more", href: more }, "See all", element("span", { class: "hidden" }, ` of ${name}`)) : null, turns),
    list);
}

/** The featured title at the top, or the head of a title's page: the whole picture beside the words. */
export function billboard(title, { kicker = "", actions = [], extra = [], linked = false } = {}) {
  const place = title.kind === "series" ? "title" : "play";
  const name = linked ? element("a", { href: `#${place}=${encodeURIComponent(title.contentId)}` }, title.title) : title.title;
  return element("section", { class: linked ? "billboard featured" : "billboard", "aria-labelledby": "billboard-title" },
    poster(title, { wide: true }),
    element("div", { class: "billboard-text" },
      kicker ? element("p", { class: "kicker" }, kicker) : null,
      element("h1", { id: "billboard-title", class: title.title.length > 42 ? "long" : null }, name),
      element("p", { class: "facts" }, facts(title)),
      title.description ? element("p", { class: "about" }, title.description) : null,
      element("div", { class: "choices" }, actions),
      extra,
      title.attribution ? element("p", { class: "licence" }, title.attribution) : null));
}

export const playLink = (contentId, label = "Play", query = "") =>
  element("a", { class: "primary", href: `#play=${encodeURIComponent(contentId)}${query}` }, icon(PLAY, "solid"), label);

export const grid = (cards) => element("ul", { class: "grid" }, cards.map((one) => element("li", {}, one)));

/** Search's snippets are HTML-escaped; as text they are shown as they were written. */
export const unescaped = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/** A link of search's results. `onChoose` is called when it is followed. */
export function result(found, onChoose = null) {
  const state = found.playable ? element("span", { class: "state go" }, icon(PLAY, "solid"), "Play")
    : isComing(found) ? element("span", { class: "state" }, "Soon") : null;
  return element("a", { class: "result", href: `#title=${encodeURIComponent(found.contentId)}`, ...(onChoose ? { onclick: onChoose } : {}) },
    poster(found),
    element("span", { class: "result-text" },
      element("span", { class: "result-title" }, found.title),
      element("span", { class: "card-facts" }, [found.line, facts(found)].filter(Boolean).join(" · ")),
      element("span", { class: "result-snippet" }, unescaped(found.snippet ?? "")),
      state));
}

/** Call `more()` whenever the end of a list comes near, until it answers false. A page that fails can be asked for again. */
export function endless(list, more) {
  const end = element("div", { class: "end" });
  list.after(end);
  let busy = false;
  const watcher = new IntersectionObserver(async ([seen]) => {
    if (!seen.isIntersecting || busy) return;
    busy = true;
    watcher.unobserve(end);
    try {
      if (await more() && end.isConnected) watcher.observe(end); // observed again: the end may still be in sight
      else end.remove();
    } catch (error) {
      end.replaceChildren(element("p", { class: "message bad", role: "status" }, error.message), again);
    }
    busy = false;
  }, { rootMargin: "600px" });
  const again = element("button", { class: "quiet small", type: "button", onclick: () => { end.replaceChildren(); watcher.observe(end); } }, "Try again");
  watcher.observe(end);
}

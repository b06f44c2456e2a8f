// Cards, rows and the featured title: elements made of titles. Text goes in as text, never as markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** "1 h 52 min", "55 s". */
export function length(seconds) {
  if (!seconds) return "";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const facts = (title) => [title.year, (title.genres ?? []).slice(0, 3).join(", "), length(title.durationSeconds)]
  .filter(Boolean).join(" · ");

/** A hue that is always the same for a title, for titles without a picture. */
function hue(text) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

/** A title's picture; until it is there, and where there is none, a colour and the name (`wide`: the name stands beside). */
export function poster(title, { wide = false } = {}) {
  const box = element("span", { class: wide ? "poster wide" : "poster", "aria-hidden": "true" });
  box.style.setProperty("--hue", hue(title.contentId));
  const name = element("span", { class: "poster-name" }, title.title);
  if (!wide) box.append(name);
  if (title.thumbnail) {
    const picture = element("img", { src: title.thumbnail, alt: "", loading: wide ? "eager" : "lazy", decoding: "async" });
    picture.addEventListener("error", () => picture.remove());
    picture.addEventListener("load", () => { box.classList.add("pictured"); name.remove(); });
    box.append(picture);
  }
  return box;
}

export function card(title, open) {
  const label = [title.title, title.year, title.playable ? "play" : "not yet playable"].filter(Boolean).join(", ");
  return element("button", { class: "card", type: "button", "aria-label": label, onclick: () => open(title) },
    poster(title),
    title.playable
      ? element("span", { class: "badge go", "aria-hidden": "true" }, "▶")
      : element("span", { class: "badge", "aria-hidden": "true" }, "Soon"),
    element("span", { class: "card-title", "aria-hidden": "true" }, title.title),
    element("span", { class: "card-facts", "aria-hidden": "true" }, facts(title)));
}

export function row(name, titles, open) {
  const list = element("ul", { class: "cards" }, ...titles.map((title) => element("li", {}, card(title, open))));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const cards = [...list.querySelectorAll(".card")];
    const next = cards[cards.indexOf(document.activeElement) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
  return element("section", { class: "row", "aria-label": name }, element("h2", {}, name), list);
}

export function hero(title, open) {
  return [
    poster(title, { wide: true }),
    element("div", { class: "hero-text" },
      element("p", { class: "kicker" }, "Ready to play"),
      element("h1", { onclick: () => open(title) }, title.title),
      element("p", { class: "hero-facts" }, facts(title)),
      title.description ? element("p", { class: "hero-about" }, title.description) : null,
      element("button", { class: "play", type: "button", onclick: () => open(title) }, "▶  Play"),
      title.attribution ? element("p", { class: "hero-credit" }, title.attribution) : null),
  ];
}

/** Search's snippets are HTML-escaped; as text they are shown as they were written. */
export const unescaped = (text) =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

export function result(found, open) {
  return element("li", {}, element("button", { class: "result", type: "button", onclick: () => open(found) },
    poster(found),
    element("span", { class: "result-text" },
      element("span", { class: "result-title" }, found.title,
        found.year ? element("span", { class: "year" }, ` ${found.year}`) : null),
      element("span", { class: "result-snippet" }, unescaped(found.snippet ?? "")))));
}

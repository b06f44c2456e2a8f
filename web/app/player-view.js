// What the player shows over the picture: the title, the wait, a notice, what went wrong, and what comes next.

import { element, poster } from "./cards.js";

const NOTICE_MS = 6000;
const at = (id) => document.getElementById(id);

export class PlayerView {
  #notice = 0;

  constructor() {
    // The way back from a menu is a button, which a menu must not have among its items (WAI-ARIA 1.2, menu), and its
    // name has to contain the text that is to be seen (WCAG 2.5.3).
    for (const menu of document.querySelectorAll("#player [slot=submenu], media-settings-menu")) {
      const back = menu.shadowRoot?.querySelector("[part~=back]");
      const title = menu.querySelector("[slot=title]")?.textContent;
      back?.setAttribute("role", "menuitem");
      if (title) back?.setAttribute("aria-label", `${title}, back to the menu before`);
    }
    document.querySelector("media-captions-button").setAttribute("role", "switch"); // it says whether it is checked
  }

  /** `line`: where an episode stands in its series. */
  name({ title = "", attribution = "", line = "" }) {
    at("player-title").textContent = [line, title].filter(Boolean).join(" · ");
    at("player-credit").textContent = attribution ?? "";
  }

  wait(yes) { at("player-wait").hidden = !yes; }

  /** A sentence that goes away by itself. */
  notify(sentence) {
    clearTimeout(this.#notice);
    at("player-notice").textContent = sentence;
    at("player-notice").hidden = !sentence;
    if (sentence) this.#notice = setTimeout(() => this.notify(""), NOTICE_MS);
  }

  /** Which menus have something to choose from. */
  offer({ audio, subtitles }) {
    at("menu-audio").hidden = audio < 2;
    at("menu-subtitles").hidden = subtitles < 1;
  }

  /** What went wrong. `streams`: [{name, title, stop()}] of streams that keep this one from starting. */
  fail({ message, retry }, streams = []) {
    at("player-error-text").textContent = message;
    at("player-streams").replaceChildren(...streams.map(({ name, title, stop }) =>
      element("li", {}, element("button", { class: "quiet", type: "button", onclick: stop }, `Stop ${name}${title ? `: ${title}` : ""}`))));
    at("player-error").hidden = false;
    at("player-retry").hidden = !retry;
    (retry ? at("player-retry") : at("player-leave")).focus();
  }

  hideFailure() { at("player-error").hidden = true; }

  /** The next episode, with `seconds` to go until it starts. */
  offerNext(title, line, seconds) {
    if (at("player-next").hidden) {
      at("player-next-picture").replaceChildren(poster(title, { wide: true }));
      at("player-next-title").textContent = [line, title.title].filter(Boolean).join(" · ");
      at("player-next").hidden = false;
      at("player-next-go").focus();
    }
    at("player-next-wait").textContent = `Starts in ${seconds} s`;
  }

  hideNext() { at("player-next").hidden = true; }
}

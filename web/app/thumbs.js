// Thumbs up and down: one of them, or none, for a title.

import * as api from "./api.js";
import { element } from "./cards.js";
import { keepThumb, thumb } from "./memory.js";

const SHAPE = "M7 21H4V10h3m0 11V10m0 11h9.6c1 0 1.8-.7 2-1.7l1.3-6.8c.2-1.3-.7-2.5-2-2.5H14V5.2C14 4 13 3 11.8 3L7 10";

function icon(turned) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  if (turned) svg.classList.add("turned");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPE);
  svg.append(path);
  return svg;
}

/** The two buttons; `userId()` names who rates. */
export function thumbs(contentId, userId) {
  let latest = 0;
  const buttons = [["LIKE", "I like this"], ["DISLIKE", "Not for me"]].map(([action, label]) => {
    const button = element("button", { class: "round thumb", type: "button", "aria-label": label, "aria-pressed": String(thumb(contentId) === action) }, icon(action === "DISLIKE"));
    button.addEventListener("click", () => {
      const mine = ++latest;
      show(action);
      // Two clicks may be answered in any order: the last one holds.
      api.feedback(userId(), contentId, action).then(
        () => { if (mine === latest) keepThumb(contentId, action); },
        () => { if (mine === latest) show(thumb(contentId)); });
    });
    return button;
  });
  const show = (action) => buttons.forEach((button, index) =>
    button.setAttribute("aria-pressed", String(action === ["LIKE", "DISLIKE"][index])));
  return buttons;
}

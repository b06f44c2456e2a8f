// Forms: fields with labels, one message of what went wrong, and a button that waits while the platform works.

import { element } from "./cards.js";

let count = 0;

/** A labelled field; `attributes` are the input's. */
export function field(label, attributes) {
  const id = `field-${(count += 1)}`;
  return element("div", { class: attributes.type === "checkbox" ? "field check" : "field" },
    element("label", { for: id }, label), element("input", { id, ...attributes }));
}

/** A labelled choice of `options`, [[value, name]]. */
export function choice(label, name, options, value) {
  const id = `field-${(count += 1)}`;
  return element("div", { class: "field" }, element("label", { for: id }, label),
    element("select", { id, name }, options.map(([one, text]) => element("option", { value: one, selected: one === value }, text))));
}

/** A form. `send(values)` may throw an error with a sentence; its result, a text, is shown when it is done. */
export function form(fields, button, send, { style = "primary" } = {}) {
  const message = element("p", { class: "message", role: "status", "aria-live": "polite" });
  const submit = element("button", { class: style, type: "submit" }, button);
  const made = element("form", { class: "form" }, fields, message, submit);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = {};
    for (const input of made.querySelectorAll("input, select")) values[input.name] = input.type === "checkbox" ? input.checked : input.value;
    submit.disabled = true;
    message.classList.remove("bad");
    message.textContent = "";
    try {
      const said = await send(values);
      if (typeof said === "string") message.textContent = said;
    } catch (error) {
      message.classList.add("bad");
      message.textContent = error.message;
    } finally {
      submit.disabled = false;
    }
  });
  return made;
}

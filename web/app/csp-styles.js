// Lets media-chrome's shadow roots keep their styles under `style-src 'self'`, which refuses every <style> element.
// A constructed style sheet is not an inline style: each <style> is parsed as one, adopted, and left as a placeholder
// whose `sheet` is the adopted one, because media-chrome inserts rules there. Loaded before media-chrome.
(() => {
  const property = Object.getOwnPropertyDescriptor(ShadowRoot.prototype, "innerHTML");

  function adoptStyles(root, html) {
    const template = document.createElement("template"); // inert: the policy does not look inside
    template.innerHTML = html;
    const sheets = [];
    for (const style of template.content.querySelectorAll("style")) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(style.textContent);
      const placeholder = document.createElementNS("urn:adopted", "style"); // of another namespace: never an inline style
      Object.defineProperty(placeholder, "sheet", { value: sheet });
      placeholder.setAttribute = (name, value) => { // a menu switches its layout by the media of a sheet
        Element.prototype.setAttribute.call(placeholder, name, value);
        if (name === "media") sheet.media.mediaText = value;
      };
      for (const { name, value } of style.attributes) placeholder.setAttribute(name, value);
      style.replaceWith(placeholder);
      sheets.push(sheet);
    }
    root.replaceChildren(template.content);
    root.adoptedStyleSheets = sheets;
  }

  Object.defineProperty(ShadowRoot.prototype, "innerHTML", {
    ...property, set(html) { adoptStyles(this, html); },
  });
  ShadowRoot.prototype.setHTMLUnsafe = function setHTMLUnsafe(html) { adoptStyles(this, html); };
})();

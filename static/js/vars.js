// Sets CSS variables from data, as in data-vars="width=300px columns=2": the policy allows no style attribute.
// Loaded in <head> and watching, so that each element has its variables before it is first painted.
"use strict";

(() => {
  const NAMES = new Set(["width", "columns", "rows", "brand", "accent"]);

  const apply = (element) => {
    for (const pair of element.dataset.vars.split(" ")) {
      const [name, value] = pair.split("=");
      if (value && NAMES.has(name)) element.style.setProperty(`--${name}`, value);
    }
  };

  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        if (node.dataset.vars) apply(node);
        node.querySelectorAll("[data-vars]").forEach(apply);
      }
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();

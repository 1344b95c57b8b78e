// Keyboard of the review. One brief: A approves all sizes, R rejects with a reason (1 to 8), G asks for
// another take, E edits the words, C compares with the version before, J and K or the arrows go to the next
// and previous brief, V to the grid. Grid: J, K and the arrows move, X ticks, A and R decide about what is
// ticked or else the tile one is at, Enter opens. The keys press the page's own buttons.
"use strict";

(() => {
  const keys = {
    a: "approve", r: "reject", g: "regenerate", e: "edit", c: "compare", v: "grid", o: "single",
    j: "next", ArrowRight: "next", k: "previous", ArrowLeft: "previous",
  };
  const tiles = [...document.querySelectorAll("[data-tile]")];
  const tileAt = () => document.activeElement.closest?.("[data-tile]");
  const boxOf = (tile) => tile.querySelector("input[type=checkbox]");

  // A key press on the grid that moves or ticks; true when it was one.
  function gridKey(event, key) {
    const here = tileAt();
    if (key === "x" && here) {
      boxOf(here).click();
      return true;
    }
    if (key === "Enter" && here && here === document.activeElement) {
      here.querySelector("[data-open]").click();
      return true;
    }
    const perRow = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
    const steps = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow };
    if (!(key in steps)) return false;
    const place = here ? tiles.indexOf(here) + steps[key] : 0;
    tiles[Math.max(0, Math.min(tiles.length - 1, place))].focus();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select")) return;
    const dialog = document.querySelector("dialog[open]");
    if (dialog) {
      const reason = dialog.querySelector(`[data-reason="${event.key}"]`);
      if (reason) {
        reason.checked = true;
        reason.focus();
        event.preventDefault();
      } else if (event.key === "Enter" && event.target.matches("[data-reason]")) {
        dialog.querySelector("button[value=reject]").click(); // not the form's first button
        event.preventDefault();
      }
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (tiles.length && gridKey(event, key)) {
      event.preventDefault();
      return;
    }
    const button = keys[key] && document.querySelector(`[data-key="${keys[key]}"]`);
    if (!button || button.disabled) return;
    event.preventDefault();
    const here = tiles.length && tileAt();
    if (here && ["approve", "reject"].includes(keys[key]) && !tiles.some((tile) => boxOf(tile).checked)) {
      boxOf(here).click();
    }
    button.click();
  });

  // Enter in the dialog's comment means its own button, not the form's first one.
  document.querySelector("#reject input[name=comment]")?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    document.querySelector("#reject button[value=reject]").click();
  });

  const sizes = document.querySelector("[data-compare]");
  document.querySelector("[data-compare-switch]")?.addEventListener("click", (event) => {
    const label = event.currentTarget;
    label.dataset.words ??= label.textContent;
    const next = { off: "side", side: "swipe", swipe: "off" }[sizes.dataset.compare];
    sizes.dataset.compare = next;
    label.textContent = { off: label.dataset.words, side: "Swipe", swipe: "Only the new one" }[next];
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-swipe]")) return;
    event.target.closest("figure").querySelector(".compare").style.setProperty("--swipe", `${event.target.value}%`);
  });
})();

// Keyboard of the review page: A approves all sizes, R rejects with a reason (1 to 8), J and K or the
// arrows go to the next and previous brief. The keys press the page's own buttons.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const dialog = document.querySelector("#reject[open]");
  const isTyping = event.target.matches("input:not([type=radio]), textarea, select");
  if (isTyping) return;
  if (dialog) {
    const reason = dialog.querySelector(`[data-reason="${event.key}"]`);
    if (reason) {
      reason.checked = true;
      reason.focus();
      event.preventDefault();
    }
    return;
  }
  const keys = { a: "approve", r: "reject", j: "next", ArrowRight: "next", k: "previous", ArrowLeft: "previous" };
  const name = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const button = name && document.querySelector(`[data-key="${name}"]`);
  if (button && !button.disabled) {
    event.preventDefault();
    button.click();
  }
});

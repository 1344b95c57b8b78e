// The filter bar of a report: lists that close, narrow, and dates that mean "custom". Works without it, too.
"use strict";

(() => {
  const close = (except) =>
    document.querySelectorAll("details.pick[open]").forEach((pick) => {
      if (pick !== except) pick.open = false;
    });

  document.addEventListener("click", (event) => close(event.target.closest("details.pick")));

  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector("details.pick[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-narrow]")) {
      const wanted = event.target.value.trim().toLowerCase();
      event.target.parentElement.querySelectorAll("label.check").forEach((label) => {
        label.hidden = !label.textContent.toLowerCase().includes(wanted);
      });
    }
    if (event.target.matches("[data-report-filters] input[type=date]")) event.target.form.period.value = "custom";
  });

  // A named period needs no dates in the URL. Before htmx reads the form, which it does when it is submitted.
  document.addEventListener(
    "submit",
    (event) => {
      if (!event.target.matches("[data-report-filters]")) return;
      const isCustom = event.target.period.value === "custom";
      event.target.querySelectorAll("input[type=date]").forEach((input) => (input.disabled = !isCustom));
    },
    true,
  );
})();

// Draws every [data-chart] element from the JSON script tag it names, in the colours of the theme.
"use strict";

(() => {
  const VARIABLE = /^var\((--[\w-]+?)(?:-a(\d+))?\)$/;

  const colourOf = (styles, name, opacity) => {
    const colour = styles.getPropertyValue(name).trim();
    if (!opacity) return colour;
    const [red, green, blue] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    return `rgba(${red},${green},${blue},${opacity / 100})`;
  };

  // A copy of the figure with each "var(--name)" replaced by its value.
  const resolve = (value, styles) => {
    if (typeof value === "string") {
      const found = value.match(VARIABLE);
      return found ? colourOf(styles, found[1], found[2]) : value;
    }
    if (Array.isArray(value)) return value.map((item) => resolve(item, styles));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, styles)]));
    }
    return value;
  };

  // A phone has no room for long names and many ticks.
  const narrow = (layout) => {
    const texts = layout.yaxis && layout.yaxis.ticktext;
    if (texts) layout.yaxis.ticktext = texts.map((text) => (text.length > 19 ? `${text.slice(0, 18)}…` : text));
    layout.xaxis = { ...layout.xaxis, nticks: 4, tickangle: 0 };
  };

  const draw = (element) => {
    const source = document.querySelector(element.dataset.chart);
    if (!source) return;
    const styles = getComputedStyle(document.documentElement);
    const figure = resolve(JSON.parse(source.textContent), styles);
    figure.layout.font = { ...figure.layout.font, family: getComputedStyle(document.body).fontFamily };
    if (element.clientWidth < 380) narrow(figure.layout);
    element.style.minHeight = `${figure.layout.height}px`;
    window.Plotly.react(element, figure.data, figure.layout, { displayModeBar: false, responsive: true });
    // A mark whose first custom datum is an address of this site leads there; the table beside it has the same links.
    element.removeAllListeners("plotly_click");
    element.on("plotly_click", ({ points }) => {
      const address = points.map((point) => point.customdata && point.customdata[0]).find((text) => text);
      if (typeof address === "string" && address.startsWith("/")) window.location.assign(address);
    });
  };

  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("themechange", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();

/* The demo shop's own script: reports what the shopper does and shows what the tag did.
   Everything it sends goes through the public API with the publishable key. */
(function () {
  "use strict";
  var body = document.body;
  var key = body.dataset.key;
  var shopper = body.dataset.shopper;
  var words = document.querySelector("[data-words]");
  var log = document.querySelector("[data-log]");
  var count = document.querySelector("[data-log-count]");
  var toast = document.querySelector("[data-toast]");
  var cart = document.querySelector("[data-cart-count]");
  var toastTimer;

  function word(name) { return words.getAttribute("data-word-" + name) || name; }

  function tell(text) {
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(toastTimer);
    toastTimer = setTimeout(function () { toast.hidden = true; }, 3500);
  }

  function line(kind, title, detail) {
    var item = document.createElement("li");
    var head = document.createElement("b");
    var small = document.createElement("small");
    item.className = kind;
    head.textContent = title;
    small.textContent = detail || "";
    item.append(head, small);
    log.prepend(item);
    count.textContent = log.children.length;
  }

  /* --- the tag's own log */
  document.addEventListener("adplatform:decision", function (event) {
    var answer = event.detail;
    if (!answer.filled) return line("none", answer.placement + ": –", answer.reason);
    line("decision", answer.placement + ": " + answer.creative.headline,
      answer.match + " · propensity " + answer.propensity.toFixed(3) + " · creative " + answer.creative.id);
  });
  document.addEventListener("adplatform:event", function (event) {
    line("event", event.detail.placement + ": " + event.detail.kind, event.detail.event_id);
  });
  document.addEventListener("adplatform:sent", function (event) {
    line("event", "POST /api/v1/events", event.detail.count + " → " + event.detail.status);
  });
  document.addEventListener("adplatform:error", function (event) {
    line("error", event.detail.placement || "adtag.js", event.detail.error);
  });

  /* --- what the shopper does */
  function id() {
    return crypto.randomUUID ? crypto.randomUUID() : Date.now() + "-" + Math.random().toString(16).slice(2);
  }

  function post(path, content) {
    return fetch("/api/v1/" + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Authorization": "Bearer " + key },
      body: JSON.stringify(content),
      credentials: "omit",
      keepalive: true
    }).then(function (response) {
      return response.json().then(function (answer) {
        line(response.ok ? "event" : "error", "POST /api/v1/" + path, response.status + " " + JSON.stringify(answer));
        if (!response.ok) throw new Error(answer.code);
        return answer;
      });
    });
  }

  function behave(kind, fields) {
    if (!key || !shopper) return Promise.resolve(null);
    var item = Object.assign({ event_id: id(), shopper: shopper, kind: kind, occurred_at: new Date().toISOString() }, fields);
    return post("behaviours", { behaviours: [item] });
  }

  function order(button) {
    var event = {
      event_id: id(), kind: "conversion", order_id: "demo-" + id().slice(0, 18),
      value_cents: +button.dataset.cents, currency: button.dataset.currency, occurred_at: new Date().toISOString()
    };
    if (shopper) event.shopper = shopper;
    return post("events", { events: [event], sent_at: new Date().toISOString() }).then(function (answer) {
      return answer.rejected && answer.rejected.length ? "conversion_off" : "done_purchase";
    });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-act]");
    if (!button) return;
    var kind = button.dataset.act;
    var fields = { product_id: button.dataset.product, text: button.dataset.title };
    var work = behave(kind, fields).then(function () { return "done_" + kind; });
    if (kind === "cart") cart.textContent = +cart.textContent + 1;
    if (kind === "purchase") work = work.then(function () { return order(button); });
    work.then(function (name) { tell(word(name)); }, function () { tell(word("failed")); });
  });

  document.querySelectorAll("[data-interest]").forEach(function (form) {
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      behave("interest", { text: form.elements.text.value }).then(function () {
        form.reset();
        tell(word("done_interest"));
      }, function () { tell(word("failed")); });
    });
  });
  document.querySelectorAll("[data-consent]").forEach(function (button) {
    button.addEventListener("click", function () {
      post("consents", {
        shopper: shopper, personalisation: button.dataset.consent === "yes",
        text_version: "storefront-demo-1", source: "demo storefront"
      }).then(function () {
        location.search = "?as=" + body.dataset.persona + "&lang=" + body.dataset.lang;
      }, function () { tell(word("failed")); });
    });
  });
  document.querySelectorAll("[data-submit]").forEach(function (select) {
    select.addEventListener("change", function () { select.form.submit(); });
  });
  document.querySelectorAll("[data-refresh]").forEach(function (button) {
    button.addEventListener("click", function () { if (window.adplatform) window.adplatform.refresh(); });
  });

  var viewed = document.querySelector("article[data-view]");
  if (viewed) behave("view", { product_id: viewed.dataset.view, text: viewed.dataset.title, category: viewed.dataset.category }).catch(function () {});
  var searched = new URLSearchParams(location.search).get("q");
  if (searched) behave("search", { text: searched }).catch(function () {});
})();

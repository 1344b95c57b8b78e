/* Fills <div data-placement="code" data-width="300" data-height="250"> with creatives and reports what was
   shown and seen. No dependency, no cookie, no storage. Documentation: docs/storefront.md */
(function (w, d) {
  "use strict";
  if (w.adplatform && w.adplatform.fill) return; // included twice: the first one works
  var script = d.currentScript || d.querySelector("script[data-key]");
  if (!script) return;
  var base = script.getAttribute("data-api") || script.src.split("/static/")[0];
  var key = script.getAttribute("data-key");
  var shopper = script.getAttribute("data-shopper");
  var product = script.getAttribute("data-product");
  var LARGE = 242500; // MRC: from this many pixels on 30 % are enough
  var SEEN_MS = 1000;
  var MAX_BATCH = 50;
  var MAX_BYTES = 60000; // a browser lets 64 kB of what outlives a page wait at once
  var slots = []; // {element, state, width, height, answer, token}

  function say(type, detail) {
    d.dispatchEvent(new CustomEvent("adplatform:" + type, { detail: detail }));
  }

  /* --- events: kept until the server has answered; the same ids make a resend harmless */
  var waiting = [];
  var sending = []; // what a request has just taken along
  var handed = []; // to the browser, as the page went
  var tries = 0;
  var timer = 0;

  function report(slot, kind) {
    var event = {
      event_id: slot.answer.decision_id + ":" + kind,
      kind: kind,
      token: slot.answer.impression_token,
      occurred_at: new Date().toISOString()
    };
    waiting.push(event);
    say("event", { kind: kind, placement: slot.answer.placement, event_id: event.event_id });
    later(200);
  }

  function later(ms) {
    if (!timer) timer = setTimeout(send, ms);
  }

  function body(events) {
    return JSON.stringify({ events: events, sent_at: new Date().toISOString() });
  }

  function send() {
    clearTimeout(timer);
    timer = 0;
    if (sending.length || !waiting.length) return;
    var batch = waiting.slice(0, MAX_BATCH);
    while (batch.length > 1 && body(batch).length > MAX_BYTES) batch.length = batch.length >> 1;
    sending = batch;
    // text/plain is a "simple" request: no preflight, and it may outlive the page.
    fetch(base + "/api/v1/events", {
      method: "POST",
      headers: { "Content-Type": "text/plain;charset=UTF-8" },
      body: body(batch),
      credentials: "omit",
      keepalive: true
    }).then(function (response) {
      if (response.status === 429 || response.status >= 500) throw new Error(response.status);
      done(batch, response.status);
    }).catch(function () {
      sending = [];
      tries += 1;
      later(Math.min(60000, 1000 * Math.pow(2, tries)) * (0.5 + Math.random()));
    });
  }

  function done(batch, status) {
    sending = [];
    tries = 0;
    waiting = waiting.filter(function (event) { return batch.indexOf(event) < 0; });
    say("sent", { count: batch.length, status: status });
    if (waiting.length) later(0);
  }

  function sendLast() {
    // The page may be going: hand over everything unanswered, first what no request has taken along. It stays
    // queued in case we come back; what the browser no longer takes has only that.
    if (!navigator.sendBeacon) return;
    var left = waiting.filter(function (event) { return sending.indexOf(event) < 0; }).concat(sending)
      .filter(function (event) { return handed.indexOf(event) < 0; });
    for (var count = MAX_BATCH; count && left.length;) {
      var batch = left.slice(0, count);
      if (navigator.sendBeacon(base + "/api/v1/events", body(batch))) {
        handed = handed.concat(batch);
        left = left.slice(count);
      } else count = Math.min(count, left.length) >> 1;
    }
  }

  /* --- decisions */
  function scan() {
    slots = slots.filter(function (slot) {
      var stays = d.contains(slot.element);
      if (!stays) forget(slot); // a page of one page took it away
      return stays;
    });
    d.querySelectorAll("[data-placement]").forEach(function (element) {
      if (slots.some(function (slot) { return slot.element === element; })) return;
      var slot = {
        element: element,
        width: +element.getAttribute("data-width") || 0,
        height: +element.getAttribute("data-height") || 0
      };
      reserve(slot);
      slots.push(slot);
    });
  }

  function reserve(slot) {
    if (!slot.width || !slot.height) return;
    var style = slot.element.style;
    // Only a span needs it; a page that hides a placement must stay able to.
    if (getComputedStyle(slot.element).display === "inline") style.display = "block";
    style.position = "relative";
    style.width = "100%";
    style.maxWidth = slot.width + "px";
    style.aspectRatio = slot.width + " / " + slot.height;
  }

  function device() {
    var agent = navigator.userAgent;
    if (/iPad|Tablet|Android(?!.*Mobile)/.test(agent)) return "tablet";
    return /Mobi|iPhone|Android/.test(agent) ? "mobile" : "desktop";
  }

  var asked = 0; // questions so far: what a slot was asked for last is its turn

  function decide(wanted, attempt) {
    if (!wanted.length) return Promise.resolve();
    if (wanted.length > 20) {
      return decide(wanted.slice(0, 20)).then(function () { return decide(wanted.slice(20)); });
    }
    var shown = slots.filter(function (slot) {
      return slot.answer && slot.answer.filled && wanted.indexOf(slot) < 0;
    }).map(function (slot) { return slot.answer.creative.id; }).slice(-100); // more the server refuses
    var ask = {
      placements: wanted.map(function (slot) { return slot.element.getAttribute("data-placement"); }),
      context: { page_url: location.origin + location.pathname, device: device(), shown: shown }
    };
    if (shopper) ask.shopper = shopper;
    if (product) ask.context.products = [product];
    var turn = ++asked;
    function isMine(slot) { return slot.turn === turn; } // else it was asked anew, and this is too late
    wanted.forEach(function (slot) {
      slot.state = "asked";
      slot.turn = turn;
    });
    return fetch(base + "/api/v1/decisions", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Authorization": "Bearer " + key },
      body: JSON.stringify(ask),
      credentials: "omit"
    }).then(function (response) {
      if (!response.ok) throw response.status;
      return response.json();
    }).then(function (answer) {
      answer.decisions.forEach(function (decision, index) {
        if (isMine(wanted[index])) show(wanted[index], decision);
      });
    }).catch(function (error) {
      say("error", { error: String(error) });
      if ((attempt || 0) < 2 && (error === 429 || !(error >= 400 && error < 500))) {
        return new Promise(function (resolve) { setTimeout(resolve, 1500 * ((attempt || 0) + 1)); })
          .then(function () { return decide(wanted.filter(isMine), (attempt || 0) + 1); });
      }
      wanted.filter(isMine).forEach(function (slot) { mark(slot, "error"); });
    });
  }

  function mark(slot, state) {
    slot.state = state;
    slot.element.setAttribute("data-adplatform", state); // the page's own style may hide empty slots
  }

  function show(slot, answer) {
    forget(slot);
    slot.answer = answer;
    slot.element.textContent = "";
    say("decision", answer);
    if (!answer.filled) return mark(slot, "empty");
    var creative = answer.creative;
    slot.width = creative.width;
    slot.height = creative.height;
    reserve(slot);
    var link = d.createElement("a");
    link.href = answer.click_url;
    link.rel = "sponsored noopener";
    link.style.display = "block";
    var image = d.createElement("img");
    image.alt = creative.alt;
    image.width = creative.width;
    image.height = creative.height;
    image.decoding = "async";
    image.loading = "lazy"; // below the fold it loads, and counts, only when the reader comes near
    image.style.display = "block";
    image.style.width = "100%";
    image.style.height = "auto";
    image.addEventListener("load", function () {
      if (slot.answer !== answer) return;
      mark(slot, "filled");
      report(slot, "impression");
      watch(slot, image);
    });
    image.addEventListener("error", function () {
      if (slot.answer !== answer) return;
      slot.element.textContent = "";
      mark(slot, "error");
      say("error", { error: "image", placement: answer.placement });
    });
    // The mark is the way to the page that says why; only where there is none is it mere text.
    var label = d.createElement(answer.why_url ? "a" : "span");
    label.textContent = answer.label;
    if (answer.why_url) {
      label.href = answer.why_url;
      label.target = "_blank";
      label.rel = "noopener nofollow";
      label.setAttribute("aria-label", answer.why_label);
    }
    var style = label.style;
    style.position = "absolute";
    style.top = style.right = "0";
    var isFlat = creative.height < 70; // a phone's strip: the words begin near the edge
    style.padding = isFlat ? "0 3px" : "5px 7px"; // 24 px: what a finger hits
    style.font = (isFlat ? "8px/1.25" : "10px/1.4") + " system-ui,sans-serif";
    style.color = "#fff";
    style.background = "rgba(0,0,0,.6)";
    style.borderBottomLeftRadius = "4px";
    style.textDecoration = "none";
    slot.element.setAttribute("role", "group");
    slot.element.setAttribute("aria-label", answer.label);
    image.src = creative.image_url;
    link.appendChild(image);
    slot.element.appendChild(link);
    slot.element.appendChild(label);
  }

  /* --- viewability (MRC): half of the pixels for one continuous second in a visible tab */
  var watched = [];

  function watch(slot, image) {
    if (!w.IntersectionObserver) return;
    var box = image.getBoundingClientRect();
    var needed = box.width * box.height >= LARGE ? 0.3 : 0.5;
    slot.watcher = {
      enough: false,
      clock: 0,
      check: function () {
        clearTimeout(this.clock);
        this.clock = 0;
        if (this.enough && d.visibilityState === "visible") {
          this.clock = setTimeout(function () {
            note(slot.observer.takeRecords()); // a busy page may not have been told of the latest change
            if (!slot.watcher.clock) return;
            forget(slot);
            report(slot, "viewable");
          }, SEEN_MS);
        }
      }
    };
    function note(entries) {
      if (!slot.watcher || !entries.length) return;
      var enough = entries[entries.length - 1].intersectionRatio >= needed;
      if (enough === slot.watcher.enough) return;
      slot.watcher.enough = enough;
      slot.watcher.check();
    }
    slot.observer = new IntersectionObserver(note, { threshold: [0, needed, 1] });
    slot.observer.observe(image);
    watched.push(slot);
  }

  function forget(slot) {
    if (slot.observer) slot.observer.disconnect();
    if (slot.watcher) clearTimeout(slot.watcher.clock);
    slot.observer = slot.watcher = null;
    watched = watched.filter(function (other) { return other !== slot; });
  }

  d.addEventListener("visibilitychange", function () {
    watched.forEach(function (slot) { slot.watcher.check(); });
    if (d.visibilityState === "hidden") sendLast();
    else back();
  });
  w.addEventListener("pagehide", sendLast);
  w.addEventListener("pageshow", function (event) {
    // Back from the cache: a second has to be a continuous one, and a request may have died meanwhile.
    if (!event.persisted) return;
    sending = [];
    watched.forEach(function (slot) { slot.watcher.check(); });
    back();
  });
  function back() {
    handed = []; // nobody says what became of it: sent again until it is answered
    later(0);
  }
  w.addEventListener("online", function () { later(0); });

  /* --- for the page */
  function fill() {
    scan();
    return decide(slots.filter(function (slot) { return !slot.state && isLaidOut(slot); }));
  }

  // A placement that this page width hides asks for nothing and counts nothing.
  function isLaidOut(slot) {
    return slot.element.getClientRects().length > 0;
  }

  w.adplatform = {
    fill: fill, // fill placements that were added since
    refresh: function () { // decide every placement anew
      scan();
      return decide(slots.filter(isLaidOut));
    },
    setShopper: function (value) { shopper = value || null; }
  };
  var resized = 0;
  w.addEventListener("resize", function () {
    clearTimeout(resized);
    resized = setTimeout(fill, 300);
  });
  // A page that is only being prerendered has no reader yet.
  if (d.prerendering) d.addEventListener("prerenderingchange", fill);
  else if (d.readyState === "loading") d.addEventListener("DOMContentLoaded", fill);
  else fill();
})(window, document);

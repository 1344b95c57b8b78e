/* A small client of the ad platform for pages and servers that draw creatives themselves: no dependency, any
   runtime with fetch (browsers, Node 18+, Deno, Bun, workers). Types: adplatform.d.mts. Where the tag
   (static/js/adtag.js) fits, use the tag: it measures viewability and survives a closing page. */

export class ApiError extends Error {
  constructor(status, code, detail, errors) {
    super(`${status} ${code}: ${detail}`);
    this.name = "ApiError";
    this.status = status; // 0: no answer in time, or one that is none
    this.code = code;
    this.errors = errors;
  }

  get isTemporary() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const EVENTS_MAX = 500; // in one request
const ID_LIMIT = 64; // characters of an event or order id

export class AdPlatform {
  #host;
  #key;
  #timeout;
  #fetch;

  constructor({ host, key, timeoutMs = 2000, fetch = globalThis.fetch }) {
    this.#host = new URL(host).origin;
    this.#key = key;
    this.#timeout = timeoutMs;
    this.#fetch = fetch;
  }

  async decide(placements, { shopper, device, pageUrl, shown = [], products = [], optedOut = false } = {}) {
    const context = { shown: [...shown], products: [...products] };
    if (device) context.device = device;
    if (pageUrl) context.page_url = pageUrl;
    const body = { placements: [...placements], context };
    if (shopper) body.shopper = shopper;
    return (await this.#post("decisions", body, optedOut ? { "Sec-GPC": "1" } : {})).decisions;
  }

  async sendEvents(events) {
    const sum = { accepted: 0, duplicates: 0, rejected: [] };
    for (let first = 0; first < events.length; first += EVENTS_MAX) {
      const answer = await this.#post("events", {
        events: events.slice(first, first + EVENTS_MAX),
        sent_at: new Date().toISOString(),
      });
      sum.accepted += answer.accepted;
      sum.duplicates += answer.duplicates;
      for (const line of answer.rejected) sum.rejected.push({ ...line, index: first + line.index });
    }
    return sum;
  }

  async #post(path, body, headers = {}) {
    let response, answer;
    try {
      response = await this.#fetch.call(globalThis, `${this.#host}/api/v1/${path}`, {
        method: "POST",
        headers: { Authorization: `Bearer ${this.#key}`, "Content-Type": "application/json", ...headers },
        body: JSON.stringify(body),
        credentials: "omit",
        signal: AbortSignal.timeout(this.#timeout),
      });
      answer = await response.json();
    } catch (error) {
      throw new ApiError(response ? response.status : 0, "unavailable", String(error), {});
    }
    if (!response.ok) {
      throw new ApiError(response.status, answer.code || "", answer.detail || "", answer.errors || {});
    }
    return answer;
  }
}

/* The creative is on the screen. Its id makes a second report of the same harmless. */
export function impressionEvent(decision, occurredAt = new Date()) {
  return eventOf(decision, "impression", occurredAt);
}

/* Half of it was in view for a second (30 % from 242,500 pixels on). */
export function viewableEvent(decision, occurredAt = new Date()) {
  return eventOf(decision, "viewable", occurredAt);
}

/* An order; needs a secret key, so a server sends it. An order id (at most 64 characters) counts once. */
export function conversionEvent({ shopper, orderId, valueCents, currency, occurredAt = new Date() }) {
  const ownId = `order:${orderId}`;
  return {
    event_id: [...ownId].length > ID_LIMIT ? orderId : ownId,
    kind: "conversion",
    shopper,
    order_id: orderId,
    value_cents: valueCents,
    currency,
    occurred_at: occurredAt.toISOString(),
  };
}

function eventOf(decision, kind, occurredAt) {
  return {
    event_id: `${decision.decision_id}:${kind}`,
    kind,
    token: decision.impression_token,
    occurred_at: occurredAt.toISOString(),
  };
}

export type Device = "desktop" | "mobile" | "tablet" | "other";

export interface Creative {
  id: string;
  image_url: string;
  width: number;
  height: number;
  alt: string;
  headline: string;
}

/** What article 26 of the Digital Services Act asks to be said of an advertisement. */
export interface Disclosure {
  is_advertisement: boolean;
  on_behalf_of: string;
  paid_by: string;
  /** "interest:<taxonomy id>" of what entered this decision, or "none". */
  parameters: string[];
  /** A page on which the shopper takes an interest away, or all. */
  change_url: string;
  is_ai_generated: boolean;
}

export interface FilledDecision {
  placement: string;
  decision_id: string;
  filled: true;
  creative: Creative;
  click_url: string;
  impression_token: string;
  label: string;
  why_url: string;
  why_label: string;
  disclosure: Disclosure;
  propensity: number;
  match: "segment" | "generic" | "house";
}

export interface EmptyDecision {
  placement: string;
  decision_id: string;
  filled: false;
  /** A stable code; docs/storefront.md lists them. */
  reason: string;
}

export type Decision = FilledDecision | EmptyDecision;

export interface DecideOptions {
  shopper?: string;
  device?: Device;
  pageUrl?: string;
  /** Ids of creatives that the page shows already. */
  shown?: Iterable<string>;
  /** Feed ids of the products that the page is about. */
  products?: Iterable<string>;
  /** The visitor's Sec-GPC, where a server asks for them. */
  optedOut?: boolean;
}

export interface AdEvent {
  event_id: string;
  kind: "impression" | "viewable" | "click" | "conversion" | "refund";
  token?: string;
  shopper?: string;
  order_id?: string;
  value_cents?: number;
  currency?: string;
  occurred_at?: string;
}

export interface EventsAnswer {
  accepted: number;
  duplicates: number;
  rejected: { index: number; code: string }[];
}

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: Record<string, unknown>;
  get isTemporary(): boolean;
}

export class AdPlatform {
  constructor(options: { host: string; key: string; timeoutMs?: number; fetch?: typeof globalThis.fetch });
  /** A creative for each placement of one page, in this order, no product twice. Throws ApiError. */
  decide(placements: Iterable<string>, options?: DecideOptions): Promise<Decision[]>;
  /** In several requests above 500 events; sending the same again is harmless. Throws ApiError. */
  sendEvents(events: readonly AdEvent[]): Promise<EventsAnswer>;
}

export function impressionEvent(decision: FilledDecision, occurredAt?: Date): AdEvent;
export function viewableEvent(decision: FilledDecision, occurredAt?: Date): AdEvent;
export function conversionEvent(order: {
  shopper: string;
  orderId: string;
  valueCents: number;
  currency: string;
  occurredAt?: Date;
}): AdEvent;

// Why an item is in a list, for a person. Pure text: the same counts and times give the same words. Redelivery: no state.

const minuteMs = 60_000;
const hourMs = 3_600_000;
/** Up to here minutes say more than hours. */
const minutesMax = 90;

/** A span of event time, rounded up: `12 min`, `2 h`. */
export function spanText(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / minuteMs));
  return minutes <= minutesMax ? `${minutes} min` : `${Math.ceil(ms / hourMs)} h`;
}

/** `14 sessions in 2 h viewed both`; with a seed: `… viewed both this and item-7`. */
export function coVisitedReason(sessions: number, spanMs: number, seed: string | null): string {
  const both = seed === null ? 'both' : `both this and ${seed}`;
  return `${amount(sessions, 'session')} in ${spanText(spanMs)} viewed ${both}`;
}

export interface ActionCounts {
  readonly views: number;
  readonly clicks: number;
  readonly carts: number;
  readonly purchases: number;
}

/** `12 views, 7 clicks, 1 purchase in 25 min`: only what there was. */
export function trendingReason({ views, clicks, carts, purchases }: ActionCounts, spanMs: number): string {
  const parts: string[] = [];
  if (views > 0) parts.push(amount(views, 'view'));
  if (clicks > 0) parts.push(amount(clicks, 'click'));
  if (carts > 0) parts.push(amount(carts, 'cart'));
  if (purchases > 0) parts.push(amount(purchases, 'purchase'));
  return `${parts.join(', ')} in ${spanText(spanMs)}`;
}

const amount = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

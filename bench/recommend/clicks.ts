import type { Interaction } from '../../events/interaction.ts';
import { seeded } from '../seeded.ts';

export interface ClicksOptions {
  readonly clicks: number;
  readonly items: number;
  readonly users: number;
}

const startMs = Date.UTC(2026, 0, 5);
/** So many an event-time second: all of them lie within what trends look back. */
const perSecond = 400;
const categories = 40;
const actions = ['view', 'view', 'view', 'view', 'click', 'click', 'cart', 'purchase'] as const;
/** Interactions of one visit. */
const visitLength = 8;

/**
 * Seeded interactions: visits of eight to items of one category, half of them among few that many look at, half among all; first every
 * item once. Users take turns.
 */
export function* seededClicks({ clicks, items, users }: ClicksOptions): Generator<Interaction> {
  const random = seeded(11);
  const popular = Math.max(1, Math.floor(items / 200));
  for (let i = 0; i < clicks; i++) {
    const visit = Math.floor(i / visitLength);
    const item = i < items ? i : random(2) === 0 ? random(popular) : random(items);
    const userId = `user-${visit % users}`;
    yield {
      id: `i-${i}`,
      ...{
        type: 'interaction',
        version: 1,
        source: 'shop',
        eventTimeMs: startMs + Math.floor((i * 1_000) / perSecond),
      },
      ...{ key: userId, action: actions[random(actions.length)] ?? 'view', userId },
      ...{ sessionId: `v-${visit}`, itemId: `item-${item}`, category: `category-${item % categories}` },
    };
  }
}

export const clickClockMs = (click: number): number => startMs + 1_000 + Math.floor((click * 1_000) / perSecond);

import type { Payment } from '../../events/payment.ts';
import { hoppingAdvanceMs, hoppingSizeMs, numberOf, sessionGapMs, tumblingSizeMs } from './numbered-processor.ts';

export interface NumberedRow {
  readonly endMs: number;
  readonly count: number;
  readonly numbersSum: number;
  readonly lowest: number;
  readonly highest: number;
  /** By event time, then id as text. */
  readonly first: number;
  readonly last: number;
}

/** Every row that must be there in the end, by `output startMs key`: sorted, grouped and added up, with no code of the engine. */
export function numberedRows(payments: readonly Payment[]): Map<string, NumberedRow> {
  const numbersOf = new Map<string, { endMs: number; numbers: number[] }>();
  const put = (output: string, startMs: number, endMs: number, { cardId }: Payment, numbers: number[]): void => {
    const id = `${output} ${startMs} ${cardId}`;
    const known = numbersOf.get(id);
    if (known) known.numbers.push(...numbers);
    else numbersOf.set(id, { endMs, numbers });
  };
  const unique = [...new Map(payments.map((payment) => [payment.id, payment])).values()];
  const inTime = unique.sort((a, b) => a.eventTimeMs - b.eventTimeMs || (a.id < b.id ? -1 : 1));
  for (const payment of inTime) {
    const { eventTimeMs } = payment;
    const tumbling = eventTimeMs - mod(eventTimeMs, tumblingSizeMs);
    put('tumbling', tumbling, tumbling + tumblingSizeMs, payment, [numberOf(payment)]);
    for (let at = eventTimeMs - mod(eventTimeMs, hoppingAdvanceMs); at > eventTimeMs - hoppingSizeMs;) {
      put('hopping', at, at + hoppingSizeMs, payment, [numberOf(payment)]);
      at -= hoppingAdvanceMs;
    }
  }
  for (const session of sessionsOf(inTime)) {
    const [first, last] = [session[0] as Payment, session.at(-1) as Payment];
    put('session', first.eventTimeMs, last.eventTimeMs + sessionGapMs, first, session.map(numberOf));
  }
  return new Map([...numbersOf].map(([id, { endMs, numbers }]) => [id, { endMs, ...totals(numbers) }]));
}

/** Cut where a card is silent for the gap. */
function sessionsOf(inTime: readonly Payment[]): Payment[][] {
  const sessions: Payment[][] = [];
  const lastOf = new Map<string, Payment[]>();
  for (const payment of inTime) {
    const last = lastOf.get(payment.cardId);
    if (last && payment.eventTimeMs - (last.at(-1) as Payment).eventTimeMs < sessionGapMs) last.push(payment);
    else {
      lastOf.set(payment.cardId, [payment]);
      sessions.push(lastOf.get(payment.cardId) as Payment[]);
    }
  }
  return sessions;
}

function totals(numbers: readonly number[]): Omit<NumberedRow, 'endMs'> {
  let [numbersSum, lowest, highest] = [0, Infinity, -Infinity];
  for (const n of numbers) {
    numbersSum += n;
    lowest = Math.min(lowest, n);
    highest = Math.max(highest, n);
  }
  const [first, last] = [numbers[0] as number, numbers.at(-1) as number];
  return { count: numbers.length, numbersSum, lowest, highest, first, last };
}

const mod = (value: number, by: number): number => ((value % by) + by) % by;

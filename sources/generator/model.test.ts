import { describe, expect, it } from 'vitest';
import { decodeEvent } from '../../events/decode.ts';
import { type ModelOptions, createModel } from './model.ts';
import type { GeneratedMessage } from './sending.ts';

// A Wednesday at 14:00 UTC.
const startMs = Date.UTC(2026, 0, 14, 14);
const shares = { late: 0.01, duplicate: 0.005, malformed: 0.001 };
const minutes = (count: number, options: Partial<ModelOptions> = {}) =>
  createModel({ seed: 1, startMs, ratePerSecond: 200, shares, ...options }).advance(
    (options.startMs ?? startMs) + count * 60_000,
  );
const decode = ({ text }: GeneratedMessage) => {
  const bytes = Buffer.from(text);
  return decodeEvent(bytes, 0, bytes.length);
};
const eventsOf = (messages: readonly GeneratedMessage[]) =>
  messages.flatMap((message) => {
    const outcome = decode(message);
    return outcome.kind === 'event' ? [outcome.event] : [];
  });

describe('the demo model', () => {
  const ten = minutes(10);
  const tenEvents = eventsOf(ten);

  it('gives the same messages for the same seed and start, in whatever portions it is asked', () => {
    const slow = { ratePerSecond: 40 };
    const portioned = createModel({ seed: 1, startMs, shares, ...slow });
    const out: GeneratedMessage[] = [];
    for (let atMs = startMs; atMs <= startMs + 60_000; atMs += 1_000 / 7) out.push(...portioned.advance(atMs));
    const atOnce = JSON.stringify(minutes(1, slow).slice(0, out.length));
    expect(JSON.stringify(out) === atOnce).toBe(true);
    expect(out.length).toBeGreaterThan(1_000);
    expect(JSON.stringify(minutes(1, { seed: 2, ...slow })).slice(0, 5_000)).not.toBe(atOnce.slice(0, 5_000));
  });

  it('keeps its rate from the first second on, over all three topics', () => {
    const perSecond = ten.length / 600;
    const season = 200 * 1.2;
    expect(perSecond).toBeGreaterThan(season * 0.9);
    expect(perSecond).toBeLessThan(season * 1.15);
    expect(minutes(1).length).toBeGreaterThan(ten.length / 10 / 1.1);
    const topics = new Set(ten.map(({ topic }) => topic));
    expect(topics).toEqual(new Set(['payments', 'interactions', 'labels']));
    const payments = ten.filter(({ topic }) => topic === 'payments').length / ten.length;
    expect(payments).toBeGreaterThan(0.35);
    expect(payments).toBeLessThan(0.6);
  });

  it('is quieter at night than in the evening', () => {
    const night = minutes(1, { startMs: Date.UTC(2026, 0, 14, 2, 30) }).length;
    const evening = minutes(1, { startMs: Date.UTC(2026, 0, 14, 19, 30) }).length;
    expect(evening).toBeGreaterThan(3 * night);
  });

  it('sends late, duplicate and malformed events in their shares, and nothing else that is not an event', () => {
    const share = (kind: GeneratedMessage['kind']) =>
      ten.filter((message) => message.kind === kind).length / ten.length;
    expect(share('late')).toBeCloseTo(shares.late, 2);
    expect(share('duplicate')).toBeCloseTo(shares.duplicate, 3);
    expect(share('malformed')).toBeCloseTo(shares.malformed, 3);
    const misjudged = ten.filter((message) => (decode(message).kind === 'event') === (message.kind === 'malformed'));
    expect(misjudged).toEqual([]);
  });

  it('sends a duplicate with the bytes that were sent before', () => {
    const seen = new Set<string>();
    for (const message of ten) {
      if (message.kind === 'duplicate') expect(seen.has(message.text)).toBe(true);
      else seen.add(message.text);
    }
  });

  it('repeats no id, neither in a run nor after a restart', () => {
    const ids = eventsOf(ten.filter(({ kind }) => kind !== 'duplicate')).map(({ source, id }) => `${source} ${id}`);
    const restarted = eventsOf(minutes(1, { startMs: startMs + 60_000 }).filter(({ kind }) => kind !== 'duplicate'));
    const all = [...ids, ...restarted.map(({ source, id }) => `${source} ${id}`)];
    expect(new Set(all).size).toBe(all.length);
  });

  it('labels the fraud of all five patterns later, and only payments that were sent', () => {
    const events = tenEvents;
    const payments = new Map(events.flatMap((event) => (event.type === 'payment' ? [[event.id, event] as const] : [])));
    const labels = events.filter((event) => event.type === 'label');
    expect(new Set(labels.map(({ reason }) => reason))).toEqual(
      new Set([
        'card-testing',
        'account-takeover',
        'impossible-travel',
        'stolen-card-amounts',
        'compromised-terminal',
        undefined,
      ]),
    );
    expect(new Set(labels.map(({ verdict }) => verdict))).toEqual(new Set(['confirmed', 'refuted']));
    for (const label of labels) {
      expect(payments.get(label.paymentId)).toMatchObject({
        eventTimeMs: label.paymentEventTimeMs,
        cardId: label.cardId,
        terminalId: label.terminalId,
      });
      expect(label.eventTimeMs - label.paymentEventTimeMs).toBeGreaterThanOrEqual(60_000);
    }
  });

  it('never tells in a payment that it is fraud', () => {
    expect(ten.filter(({ topic, text }) => topic === 'payments' && /fraud|testing|takeover|stolen/.test(text))).toEqual(
      [],
    );
  });

  it('never sends an event from the future', () => {
    const model = createModel({ seed: 1, startMs, ratePerSecond: 200, shares });
    for (let atMs = startMs; atMs < startMs + 60_000; atMs += 100)
      expect(eventsOf(model.advance(atMs)).filter(({ eventTimeMs }) => eventTimeMs > atMs)).toEqual([]);
  });

  it('leaves out what it is told to skip', () => {
    const model = createModel({ seed: 1, startMs, ratePerSecond: 200, shares });
    model.advance(startMs + 1_000);
    model.skipTo(startMs + 3_600_000);
    const next = model.advance(startMs + 3_610_000);
    expect(next.length).toBeGreaterThan(500);
    expect(next.length).toBeLessThan(5_000);
  });
});

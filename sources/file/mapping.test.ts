import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { validateEvent } from '../../events/validate.ts';
import { parseMapping } from './load-mapping.ts';
import { applyMapping } from './mapping.ts';

const folder = new URL('../../config/mappings/', import.meta.url);
const shipped = (name: string) => parseMapping(name, readFileSync(new URL(name, folder), 'utf8'));
const eventOf = (name: string, row: Record<string, string>) => {
  const mapped = applyMapping(shipped(name), row);
  return mapped.kind === 'mapped' ? validateEvent(mapped.input) : mapped;
};
const handbookRow = {
  TRANSACTION_ID: '0',
  TX_DATETIME: '2018-04-01T00:00:31',
  CUSTOMER_ID: '596',
  TERMINAL_ID: '3156',
  TX_AMOUNT: '57.16',
  TX_FRAUD: '0',
};

describe('shipped mappings', () => {
  it('all load', () => {
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.yaml')))
      expect(() => shipped(name)).not.toThrow();
  });

  it('make a payment of a handbook row, without a country', () => {
    expect(eventOf('handbook-payments.yaml', handbookRow)).toMatchObject({
      kind: 'ok',
      topic: 'payments',
      key: '596',
      event: {
        id: '0',
        source: 'handbook',
        eventTimeMs: Date.UTC(2018, 3, 1, 0, 0, 31),
        amountMinor: 5716,
        currency: 'EUR',
        cardId: '596',
        terminalId: '3156',
      },
    });
    const outcome = eventOf('handbook-payments.yaml', handbookRow);
    expect(outcome.kind === 'ok' && Object.hasOwn(outcome.event, 'country')).toBe(false);
  });

  it('[E16] make a label of a handbook row that becomes known seven days later', () => {
    expect(eventOf('handbook-labels.yaml', { ...handbookRow, TX_FRAUD: '1' })).toMatchObject({
      kind: 'ok',
      topic: 'labels',
      event: {
        eventTimeMs: Date.UTC(2018, 3, 8, 0, 0, 31),
        verdict: 'confirmed',
        paymentId: '0',
        paymentEventTimeMs: Date.UTC(2018, 3, 1, 0, 0, 31),
        terminalId: '3156',
      },
    });
  });

  it('make a payment of a Sparkov row and a click of a Globo row', () => {
    const sparkov = {
      unix_time: '1569888144',
      tx_id: '600725',
      cc_num: '349161789849312',
      merchant: 'fraud_Kuhic, Bins and Pfeffer',
      category: 'shopping_net',
      amt: '136.98',
      merch_lat: '43.066089',
      merch_long: '-114.708786',
    };
    expect(eventOf('sparkov-payments.yaml', sparkov)).toMatchObject({
      kind: 'ok',
      event: { amountMinor: 13698, currency: 'USD', latitude: 43.066089, merchantId: 'fraud_Kuhic, Bins and Pfeffer' },
    });
    const globo = { click_ts_ms: '1506826800026', session_id: '1506826329267796', user_id: '59', article_id: '234853' };
    expect(eventOf('globo-clicks.yaml', globo)).toMatchObject({
      kind: 'ok',
      topic: 'interactions',
      event: { id: '1506826329267796-234853-1506826800026', action: 'click', key: '59' },
    });
  });
});

describe('applyMapping', () => {
  it('names the column of a value that it cannot convert', () => {
    expect(eventOf('handbook-payments.yaml', { ...handbookRow, TX_AMOUNT: 'x' })).toEqual({
      kind: 'fault',
      column: 'TX_AMOUNT',
      message: 'is not a number',
    });
    expect(eventOf('handbook-labels.yaml', { ...handbookRow, TX_FRAUD: '2' })).toMatchObject({ column: 'TX_FRAUD' });
  });
});

describe('parseMapping', () => {
  const message = (text: string): string => {
    try {
      parseMapping('m.yaml', text);
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };

  it('names every fault with line and column', () => {
    const text = [
      'event: { type: payment, version: 2 }',
      'fields:',
      '  id: { column: A }',
      '  amountMinr: { column: B }',
      '  key: { colum: C }',
    ].join('\n');
    expect(message(text)).toContain('m.yaml:5:8: fields.key: must be one of');
    const formed = text.replace('colum:', 'column:');
    expect(message(formed)).toContain('m.yaml:4:15: fields.amountMinr: no such field');
    expect(message(formed)).toContain('amountMinor is missing');
  });

  it('refuses broken YAML, unknown event types and versions', () => {
    expect(message('event: {')).toMatch(/^m\.yaml:1:\d+: /);
    expect(message('event: { type: refund, version: 1 }\nfields: {}')).toContain(
      'm.yaml:1:16: event.type: no such event type',
    );
    expect(message('event: { type: payment, version: 9 }\nfields: {}')).toContain('payment has the versions 1 to 2');
  });
});

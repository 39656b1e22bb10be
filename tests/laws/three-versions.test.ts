import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { EventType } from '../../events/catalog.ts';
import { decodeEvent } from '../../events/decode.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { T0, foldAll, lastValues, oracle, payment, revenuePipeline } from '../fold/cases.ts';

// Payments have two versions. So that a chain of two upcasters is proven before a third version is needed, the catalog of this
// file has one: it says through which channel the card was used.
vi.mock('../../events/catalog.ts', async (original) => {
  const { z } = await import('zod');
  const { paymentV1, paymentV2, upcastPaymentV1 } = await import('../../events/payment.ts');
  const { catalog } = await original<{ readonly catalog: ReadonlyMap<string, EventType> }>();
  const paymentV3 = z.object({
    ...paymentV2.shape,
    version: z.literal(3),
    channel: z.enum(['shop', 'web', 'unknown']),
  });
  const versions = [
    { version: 1, schema: paymentV1, upcast: upcastPaymentV1 as never },
    {
      version: 2,
      schema: paymentV2,
      upcast: (event: object) => ({ ...event, version: 3, channel: 'unknown' }) as never,
    },
    { version: 3, schema: paymentV3, upcast: null },
  ];
  const three: EventType = { type: 'payment', topic: 'payments', newestVersion: 3, versions };
  return { catalog: new Map([...catalog, ['payment', three]]) };
});

const factsArb = fc.array(
  fc.record({
    id: fc.uuid(),
    atMs: fc.nat(7_200_000),
    amountMinor: fc.nat(1e8),
    merchantId: fc.constantFrom('m1', 'm2'),
  }),
  { maxLength: 40 },
);

test('[B1] recordings of the same facts in versions 1, 2 and 3, and in any mixture, give equal windows', () => {
  fc.assert(
    fc.property(factsArb, fc.infiniteStream(fc.nat(2)), (facts, mixture) => {
      // Version 1 knows no country.
      const { country: _, ...blank } = payment({ atMs: 0 });
      const v2 = facts.map(({ atMs, ...fact }) => ({ ...blank, ...fact, eventTimeMs: T0 + atMs }));
      const v1 = v2.map(({ amountMinor, ...fact }) => ({
        ...fact,
        version: 1,
        amount: (amountMinor / 100).toFixed(2),
      }));
      const v3 = v2.map((fact) => ({ ...fact, version: 3, channel: 'unknown' }));
      const recordings: readonly (readonly object[])[] = [v1, v2, v3];
      const mixed = v2.map((_fact, i) => recordings[mixture.next().value ?? 0]?.[i] ?? {});
      const expected = oracle(v2);
      for (const recording of [...recordings, mixed]) {
        const log = new EntryLog();
        const fold = revenuePipeline({ outOfOrdernessMs: 7_200_000 });
        const records = recording.map((value) => ({ value }));
        const clockMs = T0 + 7_200_000;
        const entries = [
          log.append({ clockMs, records }),
          log.append({ clockMs: clockMs + 1e9, idle: ['payments-0'] }),
        ];
        expect(lastValues(foldAll(fold, entries))).toEqual(expected);
        expect(fold.counters()).toMatchObject({ folded: facts.length, dead: 0, quarantined: 0 });
      }
    }),
    { numRuns: 100 },
  );
  const bytes = new TextEncoder().encode(JSON.stringify({ ...payment({ atMs: 0 }), version: 4 }));
  expect(decodeEvent(bytes, 0, bytes.length)).toMatchObject({ kind: 'quarantined', newestKnownVersion: 3 });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import { atOnce } from '../../streams/pieces.ts';
import type { BegunSnapshot } from '../../tasks/contract.ts';
import { Alerts } from './alerts.ts';
import { Features } from './features.ts';
import type { Judged } from './rules/rule-set.ts';

const T0 = Date.UTC(2026, 0, 5);
const pieceBytes = 400;
const keysMax = 40;

interface Step {
  readonly kind: 'payment' | 'label' | 'expire';
  readonly card: number;
  readonly device: number;
  readonly terminal: number;
  /** Time goes on by so much. */
  readonly ms: number;
  /** Pieces packed before the step, once a snapshot is under way. */
  readonly pieces: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('payment', 'payment', 'payment', 'payment', 'label', 'expire'),
  ...{ card: fc.nat(14), device: fc.nat(5), terminal: fc.nat(6), pieces: fc.constantFrom(0, 0, 0, 1) },
  ms: fc.oneof({ weight: 12, arbitrary: fc.nat(3_000) }, { weight: 1, arbitrary: fc.constant(70_000) }),
});
const steps = fc.array(step, { minLength: 140, maxLength: 160 });

class Shop {
  readonly features = new Features({ keysMax });
  readonly alerts = new Alerts({ coolDownMs: 60_000, updateEveryMs: 5_000, alertsMax: keysMax });
  nowMs = T0;
  payments: Payment[] = [];

  /** What came out. */
  take({ kind, card, device, terminal, ms }: Step): unknown {
    // Now and then a month goes by, and all are forgotten at once.
    this.nowMs += kind === 'expire' && card < 3 ? 29 * 86_400_000 : ms;
    const watermarkMs = this.nowMs - 5_000;
    const told = [this.alerts.begin(this.nowMs)];
    const payment = paymentOf(this.payments.length, this.nowMs - (terminal % 3) * 2_000, card, device, terminal);
    let row: number[] | null = null;
    if (kind === 'expire') this.features.expire(watermarkMs);
    else if (kind === 'label') {
      const label = labelOf(this.payments.at(-1 - device) ?? payment, card, this.nowMs);
      this.features.foldLabel(label, watermarkMs);
      this.alerts.foldLabel(label);
    } else if (this.features.hasRoomFor(payment)) {
      row = [...this.features.fold(payment, watermarkMs)];
      this.alerts.fold(payment, judged, this.nowMs);
      this.payments.push(payment);
    }
    told.push(this.alerts.end(this.nowMs));
    return { row, told };
  }

  begin(): readonly BegunSnapshot[] {
    return [this.features.beginSnapshot(pieceBytes), this.alerts.beginSnapshot(pieceBytes)];
  }
}

const judged = { outcome: 'review', severity: 'low', verdicts: [] } as unknown as Judged;

function paymentOf(id: number, eventTimeMs: number, card: number, device: number, terminal: number): Payment {
  return {
    ...{ id: `p${id}`, type: 'payment', version: 2, source: 's', eventTimeMs, key: `card-${card}` },
    ...{ amountMinor: 100 + id, currency: card % 4 === 0 ? 'USD' : 'EUR', cardId: `card-${card}` },
    ...(device > 0 && { deviceId: `device-${device}` }),
    ...(terminal > 0 && { terminalId: `terminal-${terminal}` }),
    ...(card % 2 === 0 && { country: `C${terminal}`, latitude: device, longitude: terminal }),
  };
}

const labelOf = ({ id, eventTimeMs, terminalId, cardId }: Payment, dice: number, nowMs: number): Label => ({
  ...{ id: `l${nowMs}`, type: 'label', version: 1, source: 's', eventTimeMs: nowMs, key: cardId, cardId },
  ...{ verdict: dice % 3 === 0 ? 'confirmed' : 'refuted', paymentId: id, paymentEventTimeMs: eventTimeMs },
  ...(terminalId !== undefined && { terminalId }),
});

test('[D1] features and alerts in slices are those of the moment when the snapshot was begun, and are folded on from', () => {
  fc.assert(
    fc.property(steps, fc.double({ min: 0.1, max: 0.8, noNaN: true }), (all, share) => {
      const at = Math.floor(share * all.length);
      const shop = new Shop();
      for (const one of all.slice(0, at)) shop.take(one);
      const wanted = structuredClone(shop.begin().map(atOnce));
      const begun = shop.begin();
      const heads: unknown[] = structuredClone(begun.map(({ head }) => head));
      const restored = new Shop();
      Object.assign(restored, { nowMs: shop.nowMs, payments: [...shop.payments] });
      const packed: Uint8Array[][] = begun.map(() => []);
      const pack = (most: number): void => {
        for (const [i, { next }] of begun.entries())
          for (let left = most; left > 0 && !isWhole[i]; left--) {
            const piece = next();
            if (piece) packed[i]?.push(piece);
            else isWhole[i] = true;
          }
      };
      const isWhole = begun.map(() => false);
      const told = all.slice(at).map((one) => {
        pack(one.pieces);
        return shop.take(one);
      });
      pack(Infinity);
      const states = heads.map((head, i) => ({ head, pieces: packed[i] ?? [] }));
      expect(states).toEqual(wanted);
      restored.features.restore(structuredClone(states[0]));
      restored.alerts.restore(structuredClone(states[1]) as never);
      expect(all.slice(at).map((one) => restored.take(one))).toEqual(told);
      expect(restored.begin().map(atOnce)).toEqual(shop.begin().map(atOnce));
    }),
    { numRuns: 60 },
  );
});

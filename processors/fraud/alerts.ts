// Alerts on cards: one while payments of the card keep being refused or doubted, however many they are.
// Guarantees: raised with the first, updated at most once a step of the logged clock, resolved when no more came for the cool-down,
// retracted when every payment that it stands on was refuted; at most one transition of an alert leaves an entry.
// Redelivery: duplicates were dropped before; the same entries give the same transitions.
import type { Alert, Outcome } from '../../events/decisions.ts';
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import { murmur128 } from '../../streams/murmur.ts';
import { beginPlain, beginValues, joined, split, valuesOf } from '../../streams/pieces.ts';
import { PlaceSlices, valuesAt } from '../../streams/place-slices.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';
import type { Judged } from './rules/rule-set.ts';

export interface AlertsOptions {
  /** An alert is over when the logged clock is so far past its last payment; further payments then raise another. */
  readonly coolDownMs: number;
  /** Between two updates of one alert. */
  readonly updateEveryMs: number;
  /** Open alerts; a new one beyond is counted and not raised. */
  readonly alertsMax: number;
}

/** What leaves: an alert without its producer's position. */
export type AlertBody = Omit<Alert, 'pipeline' | 'version' | 'revision' | 'producer'>;

interface OpenAlert {
  readonly alertId: string;
  readonly cardId: string;
  severity: Alert['severity'];
  outcome: Outcome;
  reasons: string[];
  hits: number;
  /** The newest payments that it stands on, and how many older ones are not listed. */
  payments: string[];
  unlisted: number;
  firstEventTimeMs: number;
  lastEventTimeMs: number;
  lastHitClockMs: number;
  publishedClockMs: number;
  isRaised: boolean;
  /** In the snapshot that is being taken; −1: it was raised since. */
  place: number;
}

/** In no id or source that a person would choose. */
const separator = '\u0000';
const paymentKey = (source: string, id: string): string => `${source}${separator}${id}`;

const paymentsMax = 100;
const reasonsMax = 10;
const shownPaymentsMax = 20;
/** Bytes of an alert and of a card's name, for the size of a piece. */
const alertBytes = 512;
const nameBytes = 96;
const severities = ['low', 'medium', 'high'] as const;

export class Alerts {
  private readonly options: AlertsOptions;
  /** By card, the one longest without a payment first. */
  private readonly open = new Map<string, OpenAlert>();
  /** Cards whose alert has changed since it was published. */
  private readonly changed = new Set<string>();
  /** Those of them that had not before this entry; of the others none is due before `dueMs`. */
  private fresh: string[] = [];
  private dueMs = -Infinity;
  private refused = 0;
  private readonly slices = new PlaceSlices<SavedAlert>();

  constructor(options: AlertsOptions) {
    this.options = options;
  }

  /** To be called first with each entry: ends what has cooled down. */
  begin(clockMs: number): readonly AlertBody[] {
    const ended: AlertBody[] = [];
    for (const alert of this.open.values()) {
      if (clockMs < alert.lastHitClockMs + this.options.coolDownMs) break;
      this.close(alert);
      ended.push(bodyOf(alert, 'resolved', clockMs));
    }
    return ended;
  }

  /** A payment was judged; approved ones are none of ours. */
  fold(payment: Payment, judged: Judged, clockMs: number): void {
    if (judged.outcome === 'approve') return;
    const { cardId } = payment;
    const known = this.open.get(cardId);
    if (!known && this.open.size >= this.options.alertsMax) {
      this.refused += 1;
      return;
    }
    const alert = known ?? newAlert(payment, clockMs);
    this.slices.beforeChange(alert.place);
    this.open.delete(cardId);
    this.open.set(cardId, alert);
    this.note(cardId);
    hit(alert, payment, judged, clockMs);
  }

  /** A refuted payment takes its part of the ground away. */
  foldLabel({ verdict, cardId, paymentId, paymentSource, source }: Label): void {
    const alert = this.open.get(cardId);
    if (!alert || verdict !== 'refuted') return;
    const place = alert.payments.indexOf(paymentKey(paymentSource ?? source, paymentId));
    if (place < 0) return;
    this.slices.beforeChange(alert.place);
    alert.payments.splice(place, 1);
    alert.hits -= 1;
    this.note(cardId);
    // It may be over now, which is told at once.
    this.dueMs = -Infinity;
  }

  /** To be called last with each entry: what is to be told now. */
  end(clockMs: number): readonly AlertBody[] {
    const told: AlertBody[] = [];
    // Thousands may wait for their next update, so they are looked through only when one of them is due.
    const isDue = clockMs >= this.dueMs;
    let dueMs = isDue ? Infinity : this.dueMs;
    for (const cardId of isDue ? this.changed : this.fresh) {
      const alert = this.open.get(cardId);
      const nextMs = alert?.isRaised ? alert.publishedClockMs + this.options.updateEveryMs : -Infinity;
      if (!alert) this.changed.delete(cardId);
      else if (alert.hits <= 0) {
        this.close(alert);
        if (alert.isRaised) told.push(bodyOf(alert, 'retracted', clockMs));
      } else if (clockMs >= nextMs) {
        told.push(bodyOf(alert, alert.isRaised ? 'updated' : 'raised', clockMs));
        this.changed.delete(cardId);
        this.slices.beforeChange(alert.place);
        Object.assign(alert, { isRaised: true, publishedClockMs: clockMs });
      } else dueMs = Math.min(dueMs, nextMs);
    }
    this.dueMs = dueMs;
    this.fresh = [];
    return told;
  }

  private note(cardId: string): void {
    if (this.changed.has(cardId)) return;
    this.changed.add(cardId);
    this.fresh.push(cardId);
  }

  /** It never changes again: a snapshot that is under way has it still. */
  private close({ cardId }: OpenAlert): void {
    this.open.delete(cardId);
    this.changed.delete(cardId);
  }

  counters(): Readonly<Record<string, number>> {
    return { alerts_open: this.open.size, alerts_refused: this.refused };
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const open = [...this.open.values()];
    for (let place = 0; place < open.length; place++) (open[place] as OpenAlert).place = place;
    const packing = valuesAt((place) => savedOf(open[place] as OpenAlert), alertBytes);
    return joined({
      refused: beginPlain(this.refused),
      open: this.slices.begin({ end: open.length, packing, pieceBytes }),
      changed: beginValues([...this.changed], Math.ceil(pieceBytes / nameBytes)),
    });
  }

  /** Into alerts that are none. */
  restore(state: SlicedState): void {
    const { refused, open, changed } = split(state) as Record<'refused' | 'open' | 'changed', SlicedState>;
    for (const alert of valuesOf<SavedAlert>(open)) this.open.set(alert.cardId, { ...alert, place: -1 });
    for (const cardId of valuesOf<string>(changed)) this.changed.add(cardId);
    this.refused = refused.head as number;
    this.dueMs = -Infinity;
  }
}

type SavedAlert = Omit<OpenAlert, 'place'>;

const savedOf = ({ place: _place, ...alert }: OpenAlert): SavedAlert => alert;

function newAlert({ cardId, source, id, eventTimeMs }: Payment, clockMs: number): OpenAlert {
  return {
    alertId: alertIdOf(`card/${cardId}/${source}/${id}`),
    cardId,
    ...{ severity: 'low', outcome: 'review', reasons: [], hits: 0, payments: [], unlisted: 0 },
    ...{ firstEventTimeMs: eventTimeMs, lastEventTimeMs: eventTimeMs },
    ...{ lastHitClockMs: clockMs, publishedClockMs: clockMs, isRaised: false, place: -1 },
  };
}

function hit(alert: OpenAlert, payment: Payment, { outcome, severity, verdicts }: Judged, clockMs: number): void {
  alert.hits += 1;
  alert.payments.push(paymentKey(payment.source, payment.id));
  if (alert.payments.length > paymentsMax) {
    alert.payments.shift();
    alert.unlisted += 1;
  }
  if (severities.indexOf(severity) > severities.indexOf(alert.severity)) alert.severity = severity;
  if (outcome === 'decline') alert.outcome = 'decline';
  const reasons = verdicts.filter(({ verdict }) => verdict === 'hit').map(({ reason }) => reason);
  alert.reasons = [...new Set([...reasons, ...alert.reasons])].slice(0, reasonsMax);
  alert.firstEventTimeMs = Math.min(alert.firstEventTimeMs, payment.eventTimeMs);
  alert.lastEventTimeMs = Math.max(alert.lastEventTimeMs, payment.eventTimeMs);
  alert.lastHitClockMs = clockMs;
}

function bodyOf(alert: OpenAlert, transition: Alert['transition'], clockMs: number): AlertBody {
  const { alertId, cardId, severity, outcome, reasons, hits, payments, firstEventTimeMs, lastEventTimeMs } = alert;
  const shown = payments.slice(-shownPaymentsMax).map((payment) => payment.slice(payment.indexOf(separator) + 1));
  const many = hits === 1 ? 'a payment' : `${hits} payments`;
  return {
    ...{ kind: 'alert', alertId, transition, entityType: 'card', entityId: cardId, fingerprint: `card/${cardId}` },
    severity,
    title: `card ${cardId}: ${many} ${outcome === 'decline' ? 'declined' : 'to review'}`,
    ...{ reasons: [...reasons], hits: Math.max(0, hits), firstEventTimeMs, lastEventTimeMs },
    paymentId: shown.at(-1) ?? null,
    decisionPaymentIds: shown,
    clockMs,
  };
}

/** 32 hex digits: the same card and first payment give the same alert. */
function alertIdOf(text: string): string {
  const words = new Int32Array(4);
  murmur128(text, new Int32Array(4), words);
  return Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

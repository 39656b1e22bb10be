import type { Alert, Decision, DeliveryAttempt } from '../../events/decisions.ts';
import type { ForecastScore, Prediction, RecommendationList } from '../../events/insights.ts';
import { testWindow } from './testbed-suite.ts';

/**
 * Decisions, alerts, deliveries, lists and predictions at an order offset, for the tests of this folder.
 */
export const insightStartMs = 1_764_000_000_000;

const base = (pipeline: string, orderOffset: number) => {
  const { revision, producer } = testWindow(orderOffset);
  return { pipeline, version: 1, clockMs: insightStartMs + 1, revision, producer: { ...producer, pipeline } };
};

export function testDecision(orderOffset: number, changes: Partial<Decision> = {}): Decision {
  return {
    kind: 'decision',
    ...base('fraud', orderOffset),
    paymentId: 'p1',
    paymentSource: 'shop',
    eventTimeMs: insightStartMs,
    cardId: 'card-1',
    terminalId: 't1',
    deviceId: null,
    merchantId: 'm1',
    country: 'FR',
    amountMinor: 9_007_199_254_740_991,
    currency: 'EUR',
    outcome: 'decline',
    score: 0.1,
    reviewScore: 0.05,
    declineScore: 0.1,
    ruleSetVersion: 'abc.2',
    rules: [
      { ruleId: 'velocity', verdict: 'hit', weight: 40, reason: "6 payments in 1 min, \t'quoted'" },
      { ruleId: 'distance', verdict: 'miss', weight: 30, reason: '' },
    ],
    features: { cardCount1m: 6, cardMean1h: 0.1 + 0.2, isFirstSeen: true, sinceLastMs: null },
    input: { topic: 'payments', partition: 3, inputOffset: '9007199254740993' },
    ...changes,
  };
}

export function testAlert(orderOffset: number, changes: Partial<Alert> = {}): Alert {
  return {
    kind: 'alert',
    ...base('fraud', orderOffset),
    alertId: 'a1',
    transition: 'raised',
    entityType: 'card',
    entityId: 'card-1',
    fingerprint: 'card:card-1',
    severity: 'high',
    title: 'card card-1',
    reasons: ['one', 'two'],
    hits: 1,
    firstEventTimeMs: insightStartMs,
    lastEventTimeMs: insightStartMs,
    paymentId: null,
    decisionPaymentIds: ['p1'],
    ...changes,
  };
}

export function testDelivery(changes: Partial<DeliveryAttempt> = {}): DeliveryAttempt {
  return {
    kind: 'delivery',
    webhookId: 'w1',
    endpoint: 'ops',
    alertId: 'a1',
    transition: 'raised',
    attempt: 1,
    outcome: 'failed',
    status: 503,
    detail: 'HTTP 503',
    atMs: insightStartMs,
    nextAtMs: insightStartMs + 5_000,
    ...changes,
  };
}

export function testList(orderOffset: number, changes: Partial<RecommendationList> = {}): RecommendationList {
  return {
    kind: 'recommendation-list',
    ...base('recommendations', orderOffset),
    list: 'trending',
    key: 'all',
    items: [
      { itemId: 'i1', score: 9.5, reason: 'hot' },
      { itemId: 'i2', score: 3, reason: 'warm' },
    ],
    eventTimeMs: insightStartMs,
    ...changes,
  };
}

export function testPrediction(orderOffset: number, changes: Partial<Prediction> = {}): Prediction {
  return {
    kind: 'prediction',
    ...base('predictions', orderOffset),
    metric: 'revenue',
    key: 'FR/EUR',
    targetMs: insightStartMs,
    horizonMinutes: 1,
    forecast: 100.5,
    low: 80,
    high: 120,
    actual: null,
    anomalyScore: null,
    isAnomaly: false,
    ...changes,
  };
}

export function testScore(orderOffset: number, changes: Partial<ForecastScore> = {}): ForecastScore {
  return {
    kind: 'forecast-score',
    ...base('predictions', orderOffset),
    metric: 'revenue',
    key: 'FR/EUR',
    targetMs: insightStartMs,
    meanAbsoluteError: 4.25,
    naiveMeanAbsoluteError: 8,
    coverage: 0.9,
    samples: 1_440,
    ...{ alarms: 2, isMuted: false },
    ...changes,
  };
}

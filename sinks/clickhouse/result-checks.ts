import type { Alert, Decision, DeliveryAttempt, EndpointNote } from '../../events/decisions.ts';
import type { ForecastBand, ForecastScore, Prediction, RecommendationList } from '../../events/insights.ts';
import type { Result } from '../../events/results.ts';

/**
 * What every kind of result must have to fit its table.
 * Guarantees that a result that passes can be inserted.
 * Pure: the same record is judged the same whenever it is redelivered.
 */
export type StoredResult =
  | Result
  | Decision
  | Alert
  | DeliveryAttempt
  | EndpointNote
  | RecommendationList
  | Prediction
  | ForecastBand
  | ForecastScore;

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isTextOrNull: Check = (value) => value === null || typeof value === 'string';
const isU32: Check = (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff;
const isI32: Check = (value) => Number.isInteger(value) && Math.abs(Number(value)) <= 0x7fff_ffff;
const isMs: Check = (value) => Number.isSafeInteger(value);
const isMsOrNull: Check = (value) => value === null || Number.isSafeInteger(value);
const isNumber: Check = (value) => Number.isFinite(value);
const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isBoolean: Check = (value) => typeof value === 'boolean';
const isNumberOrNull: Check = (value) => value === null || Number.isFinite(value);
const isU32OrNull: Check = (value) => value === null || isU32(value);
const isArray: Check = (value) => Array.isArray(value);
const isNumbers: Check = (value) => Array.isArray(value) && value.every(isNumber);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isFeatures: Check = (value) =>
  isObject(value) && Object.values(value as object).every((each) => isNumberOrNull(each) || isBoolean(each));
/** What has 18 digits at most always fits; the others are looked at as numbers. */
const isI64: Check = (value) =>
  typeof value === 'string' &&
  (/^-?\d{1,18}$/.test(value) || (/^-?\d{19}$/.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value)));
const isU64: Check = (value) =>
  typeof value === 'string' &&
  (/^\d{1,18}$/.test(value) || (/^\d{19,20}$/.test(value) && BigInt.asUintN(64, BigInt(value)) === BigInt(value)));
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value);

const input = {
  'input.topic': isText,
  'input.partition': isI32,
  'input.inputOffset': isI64,
  'input.timestampMs': isMs,
};
const base = {
  pipeline: isText,
  version: isU32,
  revision: isU64,
  'producer.shard': isU32,
  'producer.epoch': isU32,
  'producer.orderOffset': isI64,
  'producer.index': isU32,
  'producer.entryId': isText,
};
const window = { output: isText, key: isText, windowStartMs: isMs, windowEndMs: isMs, watermarkMs: isMsOrNull };

const transition = oneOf('raised', 'updated', 'retracted', 'resolved');
const metric = { metric: isText, key: isText, clockMs: isMs };
const series = { ...metric, targetMs: isMs };

/** What each kind must have, by path. */
export const checksOf: {
  readonly [K in StoredResult['kind']]: Readonly<Record<string, Check>> & {
    readonly [F in keyof Extract<StoredResult, { kind: K }>]?: Check;
  };
} = {
  window: {
    ...base,
    ...window,
    state: oneOf('provisional', 'final', 'corrected', 'tombstone'),
    complete: oneOf(0, 1),
    clockMs: isMs,
    values: isObject,
  },
  late: {
    ...base,
    ...window,
    ...input,
    eventId: isText,
    source: isText,
    eventTimeMs: isMs,
    lateByMs: isNumber,
    wouldAdd: isObject,
  },
  'dead-letter': {
    ...base,
    ...input,
    reason: isText,
    message: isText,
    fieldPath: isTextOrNull,
    source: isTextOrNull,
    keyBase64: isTextOrNull,
    valueBase64: isTextOrNull,
  },
  quarantined: {
    ...base,
    ...input,
    eventType: isText,
    eventVersion: isU32,
    newestKnownVersion: isU32,
    keyBase64: isTextOrNull,
    valueBase64: isTextOrNull,
  },
  decision: {
    ...base,
    paymentId: isText,
    paymentSource: isText,
    eventTimeMs: isMs,
    cardId: isText,
    terminalId: isTextOrNull,
    deviceId: isTextOrNull,
    merchantId: isTextOrNull,
    country: isTextOrNull,
    amountMinor: isMs,
    currency: isText,
    outcome: oneOf('approve', 'review', 'decline'),
    score: isNumber,
    reviewScore: isNumber,
    declineScore: isNumber,
    ruleSetVersion: isText,
    rules: isArray,
    features: isFeatures,
    clockMs: isMs,
    'input.topic': isText,
    'input.partition': isI32,
    'input.inputOffset': isI64,
  },
  alert: {
    ...base,
    alertId: isText,
    transition,
    entityType: isText,
    entityId: isText,
    fingerprint: isText,
    severity: oneOf('low', 'medium', 'high'),
    title: isText,
    reasons: isTexts,
    hits: isU32,
    firstEventTimeMs: isMs,
    lastEventTimeMs: isMs,
    paymentId: isTextOrNull,
    decisionPaymentIds: isTexts,
    clockMs: isMs,
  },
  delivery: {
    webhookId: isText,
    endpoint: isText,
    alertId: isText,
    transition,
    attempt: isU32,
    outcome: oneOf('delivered', 'failed', 'dead', 'replaced', 'disabled'),
    status: isU32OrNull,
    detail: isText,
    atMs: isMs,
    nextAtMs: isMsOrNull,
  },
  'endpoint-note': {
    endpoint: isText,
    note: oneOf('added', 'enabled', 'resend'),
    webhookId: isText,
    atMs: isMs,
  },
  'recommendation-list': {
    ...base,
    list: oneOf('trending', 'co_visited', 'personal'),
    key: isText,
    items: isArray,
    eventTimeMs: isMs,
    clockMs: isMs,
  },
  prediction: {
    ...base,
    ...series,
    horizonMinutes: isU32,
    forecast: isNumber,
    low: isNumber,
    high: isNumber,
    actual: isNumberOrNull,
    anomalyScore: isNumberOrNull,
    isAnomaly: isBoolean,
  },
  'forecast-band': { ...base, ...metric, fromMs: isMs, forecast: isNumbers, low: isNumbers, high: isNumbers },
  'forecast-score': {
    ...base,
    ...series,
    meanAbsoluteError: isNumber,
    naiveMeanAbsoluteError: isNumber,
    coverage: isNumber,
    samples: isU32,
    alarms: isU32,
    isMuted: isBoolean,
  },
};

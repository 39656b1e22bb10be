// The rules in force: a fold of the records on `millrace.rules`, and the judgement of a payment by them.
// Guarantees: the newest record of a rule counts, whole; a rule that does not compile or fails is told in every decision and counts as no
// hit; the version names the texts in force, so the same texts have the same version.
// Redelivery: the same record again changes nothing.
import type { Outcome, RuleVerdict } from '../../../events/decisions.ts';
import type { Payment } from '../../../events/payment.ts';
import type { ListEntry, Rule, Thresholds } from '../../../events/rule.ts';
import { murmur128 } from '../../../streams/murmur.ts';
import type { FeatureValues } from '../features.ts';
import { Lists } from './lists.ts';
import { type CompiledRule, type RuleLanguage, ruleContext, ruleLanguage } from './rule-language.ts';

type RuleText = Pick<Rule, 'ruleId' | 'expression' | 'weight' | 'reason' | 'severity' | 'isOn'>;
type ThresholdValues = Pick<Thresholds, 'reviewScore' | 'declineScore'>;

export interface Judged {
  readonly outcome: Outcome;
  /** Sum of the weights of the rules that hit. */
  readonly score: number;
  /** Lists that decided first, then every rule by its id. */
  readonly verdicts: readonly RuleVerdict[];
  readonly severity: Rule['severity'];
  readonly reviewScore: number;
  readonly declineScore: number;
  readonly ruleSetVersion: string;
}

/** In force before any other is published. */
export const defaultThresholds: ThresholdValues = { reviewScore: 50, declineScore: 80 };

/** Rules in force at once; more are refused. */
export const rulesMax = 1_000;

const severities = ['low', 'medium', 'high'] as const;

export class RuleSet {
  private readonly texts = new Map<string, RuleText>();
  private thresholds = defaultThresholds;
  private readonly lists = new Lists();
  private judgedNow: Payment | null = null;
  private readonly language: RuleLanguage;
  /** By id: made from the texts when they change. */
  private compiled: readonly (readonly [text: RuleText, rule: CompiledRule])[] = [];
  private version = '';

  constructor() {
    this.language = ruleLanguage((list, entityType) =>
      this.judgedNow ? this.lists.isListed(list, entityType, this.judgedNow) : false,
    );
    this.recompile();
  }

  /** False when there is no room for one more rule. */
  apply(event: Rule | Thresholds | ListEntry): boolean {
    switch (event.type) {
      case 'rule': {
        if (!this.texts.has(event.ruleId) && this.texts.size >= rulesMax) return false;
        const { ruleId, expression, weight, reason, severity, isOn } = event;
        this.texts.set(ruleId, { ruleId, expression, weight, reason, severity, isOn });
        this.recompile();
        return true;
      }
      case 'thresholds':
        this.thresholds = { reviewScore: event.reviewScore, declineScore: event.declineScore };
        for (const id of this.texts.keys()) if (event.ruleIds?.includes(id) === false) this.texts.delete(id);
        this.recompile();
        return true;
      case 'list-entry':
        this.lists.apply(event);
        return true;
    }
  }

  /** Precedence: allow list, block list, decline, review. */
  judge(payment: Payment, features: FeatureValues): Judged {
    this.judgedNow = payment;
    const context = ruleContext(payment, features);
    const verdicts: RuleVerdict[] = [];
    let score = 0;
    let severity = 0;
    for (const [text, rule] of this.compiled) {
      const verdict = verdictOf(text, rule, context, features);
      verdicts.push(verdict);
      if (verdict.verdict !== 'hit') continue;
      score += text.weight;
      severity = Math.max(severity, severities.indexOf(text.severity));
    }
    const listed = this.listed(payment);
    if (listed) verdicts.unshift(listed.verdict);
    const { reviewScore, declineScore } = this.thresholds;
    const scored = score >= declineScore ? 'decline' : score >= reviewScore ? 'review' : 'approve';
    return {
      outcome: listed?.outcome ?? scored,
      ...{ score, verdicts, severity: listed?.outcome === 'decline' ? 'high' : (severities[severity] ?? 'low') },
      ...{ reviewScore, declineScore, ruleSetVersion: this.version },
    };
  }

  private listed(payment: Payment): { readonly outcome: Outcome; readonly verdict: RuleVerdict } | null {
    for (const [list, outcome] of [['allow', 'approve'] as const, ['block', 'decline'] as const]) {
      const found = this.lists.firstListed(list, payment);
      if (!found) continue;
      const reason = `${found.entityType} ${found.entityId} is on the list ${list}`;
      return { outcome, verdict: { ruleId: `list:${list}`, verdict: 'hit', weight: 0, reason } };
    }
    return null;
  }

  private recompile(): void {
    const texts = [...this.texts.values()].toSorted((a, b) => (a.ruleId < b.ruleId ? -1 : 1));
    const known = new Map(this.compiled.map(([text, rule]) => [text.expression, rule]));
    this.compiled = texts.map((text) => [text, known.get(text.expression) ?? this.language.compile(text.expression)]);
    const words = new Int32Array(4);
    murmur128(JSON.stringify([texts, this.thresholds]), new Int32Array(4), words);
    const hash = Array.from(words.subarray(0, 2), (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    this.version = `${hash}.${texts.length}`;
  }

  counters(): Readonly<Record<string, number>> {
    return { rules: this.texts.size, list_entries: this.lists.size };
  }

  snapshot(): unknown {
    return { texts: [...this.texts.values()], thresholds: this.thresholds, lists: this.lists.snapshot() };
  }

  restore(state: unknown): void {
    const saved = state as SavedRuleSet;
    this.texts.clear();
    for (const text of saved.texts) this.texts.set(text.ruleId, text);
    this.thresholds = saved.thresholds;
    this.lists.restore(saved.lists);
    this.recompile();
  }
}

interface SavedRuleSet {
  readonly texts: readonly RuleText[];
  readonly thresholds: ThresholdValues;
  readonly lists: readonly (readonly [string, number])[];
}

function verdictOf(
  { ruleId, weight, isOn, reason }: RuleText,
  rule: CompiledRule,
  context: Parameters<Extract<CompiledRule, { kind: 'compiled' }>['hits']>[0],
  features: FeatureValues,
): RuleVerdict {
  if (!isOn) return { ruleId, verdict: 'off', weight, reason: '' };
  if (rule.kind === 'faulty') return { ruleId, verdict: 'error', weight, reason: rule.message };
  try {
    if (!rule.hits(context)) return { ruleId, verdict: 'miss', weight, reason: '' };
  } catch (error) {
    return {
      ruleId,
      verdict: 'error',
      weight,
      reason: String(error instanceof Error ? error.message : error).split('\n')[0] ?? '',
    };
  }
  return { ruleId, verdict: 'hit', weight, reason: filledIn(reason, features) };
}

/** `{name}` becomes the feature's value, to two decimals at most. */
function filledIn(reason: string, features: FeatureValues): string {
  return reason.replace(/\{(\w+)\}/g, (whole, name: string) => {
    if (!(name in features)) return whole;
    const value = features[name];
    if (value === null || value === undefined) return 'unknown';
    return typeof value === 'number' ? String(Math.round(value * 100) / 100) : String(value);
  });
}

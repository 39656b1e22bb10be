// The rules in force: a fold of the records on `millrace.rules`, and the judgement of a payment by them.
// Guarantees: the newest record of a rule counts, whole; a rule that does not compile or fails is told in every decision and counts as no
// hit; the version names the texts in force, so the same texts have the same version.
// Redelivery: the same record again changes nothing.
import type { Outcome, RuleVerdict } from '../../../events/decisions.ts';
import type { Payment } from '../../../events/payment.ts';
import type { ListEntry, Rule, Thresholds } from '../../../events/rule.ts';
import { murmur128 } from '../../../streams/murmur.ts';
import { type FeatureRow, featureAt, isFeature, placeOf } from '../feature-row.ts';
import { Lists } from './lists.ts';
import { type CompiledRule, type RuleLanguage, ruleLanguage } from './rule-language.ts';
import type { RuleSubject } from './rule-subject.ts';

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
/** The first that an entity is on decides. */
const decisiveLists = [['allow', 'approve'] as const, ['block', 'decline'] as const] as const;

interface RuleInForce {
  readonly text: RuleText;
  readonly rule: CompiledRule;
  /** The verdict while it does not hit. */
  readonly quiet: RuleVerdict;
}

export class RuleSet {
  private readonly texts = new Map<string, RuleText>();
  private thresholds = defaultThresholds;
  private readonly lists = new Lists();
  private judgedNow: Payment | null = null;
  /** Filled anew for each payment. */
  private readonly subject: { payment: Payment; row: FeatureRow } = { payment: null as never, row: null as never };
  private readonly language: RuleLanguage;
  /** By id: made from the texts when they change. */
  private inForce: readonly RuleInForce[] = [];
  /** The verdicts on a payment that no rule hits: most are, and share them. */
  private quiet: readonly RuleVerdict[] = [];
  /** The judgement of such a payment that is on no list. */
  private quietJudged: Judged | null = null;
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
  judge(payment: Payment, row: FeatureRow): Judged {
    this.judgedNow = payment;
    const { subject } = this;
    subject.payment = payment;
    subject.row = row;
    let verdicts: RuleVerdict[] | null = null;
    let score = 0;
    let severity = 0;
    for (let i = 0; i < this.inForce.length; i++) {
      const one = this.inForce[i] as RuleInForce;
      const verdict = verdictOf(one, subject);
      if (verdict === one.quiet) continue;
      verdicts ??= [...this.quiet];
      verdicts[i] = verdict;
      if (verdict.verdict !== 'hit') continue;
      score += one.text.weight;
      severity = Math.max(severity, severities.indexOf(one.text.severity));
    }
    const listed = this.listed(payment);
    if (verdicts === null && listed === null) return (this.quietJudged ??= this.judged(0, 'low', this.quiet, null));
    return this.judged(score, severities[severity] ?? 'low', verdicts ?? this.quiet, listed);
  }

  private judged(
    score: number,
    severity: Rule['severity'],
    verdicts: readonly RuleVerdict[],
    listed: ReturnType<RuleSet['listed']>,
  ): Judged {
    const { reviewScore, declineScore } = this.thresholds;
    const scored = score >= declineScore ? 'decline' : score >= reviewScore ? 'review' : 'approve';
    return {
      outcome: listed?.outcome ?? scored,
      score,
      verdicts: listed ? [listed.verdict, ...verdicts] : verdicts,
      severity: listed?.outcome === 'decline' ? 'high' : severity,
      ...{ reviewScore, declineScore, ruleSetVersion: this.version },
    };
  }

  private listed(payment: Payment): { readonly outcome: Outcome; readonly verdict: RuleVerdict } | null {
    if (this.lists.size === 0) return null;
    for (const [list, outcome] of decisiveLists) {
      const found = this.lists.firstListed(list, payment);
      if (!found) continue;
      const reason = `${found.entityType} ${found.entityId} is on the list ${list}`;
      return { outcome, verdict: { ruleId: `list:${list}`, verdict: 'hit', weight: 0, reason } };
    }
    return null;
  }

  private recompile(): void {
    const texts = [...this.texts.values()].toSorted((a, b) => (a.ruleId < b.ruleId ? -1 : 1));
    const known = new Map(this.inForce.map(({ text, rule }) => [text.expression, rule]));
    this.inForce = texts.map((text) => {
      const rule = known.get(text.expression) ?? this.language.compile(text.expression);
      return { text, rule, quiet: quietVerdict(text, rule) };
    });
    this.quiet = this.inForce.map(({ quiet }) => quiet);
    const words = new Int32Array(4);
    murmur128(JSON.stringify([texts, this.thresholds]), new Int32Array(4), words);
    const hash = Array.from(words.subarray(0, 2), (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    this.version = `${hash}.${texts.length}`;
    this.quietJudged = null;
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

function quietVerdict({ ruleId, weight, isOn }: RuleText, rule: CompiledRule): RuleVerdict {
  if (!isOn) return { ruleId, verdict: 'off', weight, reason: '' };
  if (rule.kind === 'faulty') return { ruleId, verdict: 'error', weight, reason: rule.message };
  return { ruleId, verdict: 'miss', weight, reason: '' };
}

function verdictOf({ text, rule, quiet }: RuleInForce, subject: RuleSubject): RuleVerdict {
  if (!text.isOn || rule.kind === 'faulty') return quiet;
  const { ruleId, weight, reason } = text;
  try {
    if (!rule.hits(subject)) return quiet;
  } catch (error) {
    const message = String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
    return { ruleId, verdict: 'error', weight, reason: message };
  }
  return { ruleId, verdict: 'hit', weight, reason: filledIn(reason, subject.row) };
}

/** `{name}` becomes the feature's value, to two decimals at most. */
function filledIn(reason: string, row: FeatureRow): string {
  return reason.replace(/\{(\w+)\}/g, (whole, name: string) => {
    if (!isFeature(name)) return whole;
    const value = featureAt(row, placeOf(name));
    if (value === null) return 'unknown';
    return typeof value === 'number' ? String(Math.round(value * 100) / 100) : String(value);
  });
}

import type { Decision, RuleVerdict } from '../events/decisions.ts';
import { formatClock, formatCountry, formatMoney, noValue } from './format.ts';
import { outcomeTones } from './outcomes.tsx';
import { Badge, Card, Empty, Time, type Tone } from './parts.tsx';

interface Props {
  readonly decision: Decision;
}

const words: Record<Decision['outcome'], string> = {
  approve: 'approved',
  review: 'to review',
  decline: 'declined',
};

/** The outcome, and the score on a scale with both thresholds. */
export function OutcomeCard({ decision }: Props) {
  const { outcome, score, reviewScore, declineScore, rules } = decision;
  const list = rules.find(({ ruleId }) => ruleId.startsWith('list:'));
  return (
    <Card id="outcome" title="Outcome" span="span-5" aside={<Badge tone={outcomeTones[outcome]}>{outcome}</Badge>}>
      <p class="big" data-decision={outcome}>
        {words[outcome]}
        <small>score {score}</small>
      </p>
      <ScoreScale score={score} reviewScore={reviewScore} declineScore={declineScore} />
      <p class="soft">
        review from {reviewScore}, decline from {declineScore}
      </p>
      {list ? <p class="foot wrap">A list decided before the score: {list.reason}.</p> : null}
    </Card>
  );
}

/** In units of the drawing. */
const scale = { width: 300, height: 16 } as const;

function ScoreScale(props: Pick<Decision, 'score' | 'reviewScore' | 'declineScore'>) {
  const { score, reviewScore, declineScore } = props;
  const least = Math.min(0, score);
  const most = Math.max(score, declineScore * 1.25, reviewScore, 1);
  const at = (value: number): number => ((value - least) / (most - least)) * scale.width;
  return (
    <svg
      class="scale"
      role="img"
      aria-label={`Score ${score}; review from ${reviewScore}, decline from ${declineScore}`}
      viewBox={`0 0 ${scale.width} ${scale.height}`}
      preserveAspectRatio="none"
    >
      <rect class="scale-approve" x={0} y={5} width={at(reviewScore)} height={6} />
      <rect
        class="scale-review"
        x={at(reviewScore)}
        y={5}
        width={Math.max(0, at(declineScore) - at(reviewScore))}
        height={6}
      />
      <rect
        class="scale-decline"
        x={at(declineScore)}
        y={5}
        width={Math.max(0, scale.width - at(declineScore))}
        height={6}
      />
      <rect class="scale-mark" x={Math.min(at(score), scale.width - 3)} y={0} width={3} height={scale.height} />
    </svg>
  );
}

const verdictTones: Record<RuleVerdict['verdict'], Tone> = { hit: 'bad', error: 'warn', miss: 'plain', off: 'plain' };
const verdictOrder = ['hit', 'error', 'miss', 'off'];

/** Every rule with its verdict, those that hit first, the heaviest first. */
export function RulesCard({ decision }: Props) {
  const rules = decision.rules.toSorted(
    (a, b) => verdictOrder.indexOf(a.verdict) - verdictOrder.indexOf(b.verdict) || b.weight - a.weight,
  );
  return (
    <Card
      id="rules"
      title="Rules"
      span="span-7"
      aside={<span class="soft mono">rule set {decision.ruleSetVersion}</span>}
    >
      {rules.length === 0 ? (
        <Empty title="No rule was in force" />
      ) : (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls sideways on a phone, by keyboard too
        <div class="table-wrap" tabIndex={0} role="group" aria-label="Rules">
          <table>
            <thead>
              <tr>
                <th scope="col">Rule</th>
                <th scope="col">Verdict</th>
                <th scope="col" class="end">
                  Weight
                </th>
                <th scope="col">Reason</th>
              </tr>
            </thead>
            <tbody>
              {rules.map(({ ruleId, verdict, weight, reason }) => (
                <tr key={ruleId} data-rule={ruleId}>
                  <th scope="row">{ruleId}</th>
                  <td>
                    <Badge tone={verdictTones[verdict]}>{verdict}</Badge>
                  </td>
                  <td class="number end">{verdict === 'hit' ? weight : <span class="soft">{weight}</span>}</td>
                  <td class="wrap is-wide">{reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

/** What was to be decided on. */
export function PaymentCard({ decision }: Props) {
  const { amountMinor, currency, country } = decision;
  return (
    <Card id="payment" title="Payment" span="span-5">
      <Facts
        facts={[
          ['Amount', formatMoney(amountMinor, currency)],
          ['Card', decision.cardId],
          ['Terminal', decision.terminalId],
          ['Device', decision.deviceId],
          ['Merchant', decision.merchantId],
          ['Country', country === null ? null : formatCountry(country)],
          ['Event time', <Time key="time" atMs={decision.eventTimeMs} text={formatClock(decision.eventTimeMs)} />],
          ['Id', decision.paymentId],
          ['Source', decision.paymentSource],
        ]}
      />
    </Card>
  );
}

/** Where the decision stands in the order log: whoever folds the log up to there gets it again, byte for byte. */
export function OrderCard({ decision }: Props) {
  const { producer, input, revision, clockMs } = decision;
  return (
    <Card id="order" title="Its place in the order log" span="span-12">
      <Facts
        isWide
        facts={[
          ['Pipeline', `${decision.pipeline} v${decision.version}, shard ${producer.shard}, epoch ${producer.epoch}`],
          ['Order entry', `${producer.orderOffset}, output ${producer.index}`],
          ['Entry id', producer.entryId],
          ['Logged clock', new Date(clockMs).toISOString()],
          ['Read from', `${input.topic}-${input.partition} at ${input.inputOffset}`],
          ['Revision', revision],
        ]}
      />
      <p class="soft foot wrap">
        Make it again from the archive and compare every byte: <code>npx millrace verify {decision.paymentId}</code>
      </p>
    </Card>
  );
}

type Fact = readonly [name: string, value: preact.ComponentChildren];

function Facts({ facts, isWide = false }: { readonly facts: readonly Fact[]; readonly isWide?: boolean }) {
  return (
    <dl class={isWide ? 'facts is-columns' : 'facts'}>
      {facts.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value ?? noValue}</dd>
        </>
      ))}
    </dl>
  );
}

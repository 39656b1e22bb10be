import { alerts } from './model.ts';
import { AlertsCard } from './overview-alerts.tsx';

/** What is suspected, and why. */
export function FraudPage() {
  return (
    <>
      <div class="page-head">
        <h1>Fraud</h1>
      </div>
      <div class="grid">
        <AlertsCard alerts={alerts.value} />
      </div>
    </>
  );
}

import type { ServiceLine, StageLine } from '../live/system-status.ts';
import { deliveries } from './deliveries-feed.ts';
import { connection, system } from './model.ts';
import { ConnectionCard } from './system-connection.tsx';
import { formatClock, formatCount, formatRate } from './format.ts';
import { Badge, Card, Empty, type Tone } from './parts.tsx';
import { DeliveriesCard } from './system-deliveries.tsx';
import { PartitionsCard } from './system-partitions.tsx';
import { PipelineCard, pipelineTitle } from './system-pipeline.tsx';

/** What runs, how fast, how far behind, and whether every record is accounted for. */
export function SystemPage() {
  const status = system.value;
  return (
    <>
      <div class="page-head">
        <h1>System</h1>
        <p>{status ? `As of ${formatClock(status.clockMs)}, pushed by the server` : 'Waiting for the first status'}</p>
      </div>
      <div class="grid">
        <ServicesCard services={status?.services ?? []} />
        <ConnectionCard view={connection.value} />
        {status?.pipelines.map((pipeline) => (
          <PipelineCard key={pipelineTitle(pipeline)} pipeline={pipeline} atMs={status.clockMs} />
        ))}
        <StagesCard stages={status?.stages ?? []} />
        <DeliveriesCard deliveries={deliveries.value} />
        <PartitionsCard partitions={status?.partitions ?? []} />
      </div>
    </>
  );
}

const stateTones: Readonly<Record<string, Tone>> = {
  running: 'good',
  starting: 'warn',
  draining: 'warn',
  parked: 'bad',
  failed: 'bad',
};

function ServicesCard({ services }: { readonly services: readonly ServiceLine[] }) {
  return (
    <Card id="services" title="Services" span="span-8">
      {services.length === 0 ? (
        <Empty title="No service has reported yet" />
      ) : (
        <div class="table-wrap">
          <table>
            <thead>
              <tr>
                <th scope="col">Service</th>
                <th scope="col">State</th>
                <th scope="col">Detail</th>
              </tr>
            </thead>
            <tbody>
              {services.map((service) => (
                <tr key={service.name}>
                  <th scope="row">{service.name}</th>
                  <td>
                    <Badge tone={stateTones[service.state] ?? 'plain'}>{service.state}</Badge>
                  </td>
                  <td class="wrap soft">{service.detail}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function StagesCard({ stages }: { readonly stages: readonly StageLine[] }) {
  return (
    <Card id="stages" title="Stages" span="span-5" aside={<span class="soft">since start</span>}>
      {stages.length === 0 ? (
        <Empty title="No stage has counted anything yet" />
      ) : (
        <div class="table-wrap">
          <table>
            <thead>
              <tr>
                <th scope="col">Stage</th>
                <th scope="col" class="end">
                  a second
                </th>
                <th scope="col" class="end">
                  in all
                </th>
                <th scope="col" class="end">
                  errors
                </th>
              </tr>
            </thead>
            <tbody>
              {stages.map((stage) => (
                <tr key={stage.name}>
                  <th scope="row">{stage.name}</th>
                  <td class="number end">{formatRate(stage.perSecond)}</td>
                  <td class="number end">{formatCount(stage.total)}</td>
                  <td class={stage.errors > 0 ? 'number end is-error' : 'number end'}>{formatCount(stage.errors)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

import type { PartitionLine } from '../live/system-status.ts';
import { formatClock, formatCount, noValue } from './format.ts';
import { Card, Empty, Time } from './parts.tsx';

/** How far each input partition has been read. */
export function PartitionsCard({ partitions }: { readonly partitions: readonly PartitionLine[] }) {
  return (
    <Card id="partitions" title="Input partitions" span="span-7">
      {partitions.length === 0 ? (
        <Empty title="No partition is being read yet" />
      ) : (
        <div class="table-wrap">
          <table>
            <thead>
              <tr>
                <th scope="col">Partition</th>
                <th scope="col" class="end">
                  Lag, records
                </th>
                <th scope="col" class="end">
                  Next offset
                </th>
                <th scope="col" class="end">
                  End
                </th>
                <th scope="col" class="end">
                  Event time
                </th>
              </tr>
            </thead>
            <tbody>
              {partitions.map((partition) => (
                <PartitionRow key={partition.partition} partition={partition} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function PartitionRow({ partition }: { readonly partition: PartitionLine }) {
  const { positionTimeMs } = partition;
  return (
    <tr>
      <th scope="row">{partition.partition}</th>
      <td class="number end">{formatCount(partition.lag)}</td>
      <td class="number end">{formatCount(partition.nextOffset)}</td>
      <td class="number end">{formatCount(partition.endOffset)}</td>
      <td class="number end">
        {positionTimeMs === null ? noValue : <Time atMs={positionTimeMs} text={formatClock(positionTimeMs)} />}
      </td>
    </tr>
  );
}

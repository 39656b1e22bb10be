// The channel `system`: one row, the process's own account of itself, made once for all viewers.
import type { SystemStatus } from '../../live/system-status.ts';
import { parseNoParams, type Channel } from './channel.ts';
import { LiveView, type LiveViewLimits } from './live-view.ts';

export interface SystemChannel extends Channel {
  set(status: SystemStatus): void;
}

export function createSystemChannel(limits: LiveViewLimits): SystemChannel {
  const view = new LiveView(limits);
  let revision = 0;
  return {
    name: 'system',
    view,
    parse: parseNoParams,
    set(status) {
      view.put({ id: 'status', revision: String(++revision), row: status });
      view.readiness = 'complete';
    },
  };
}

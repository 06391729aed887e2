import { createLogger, Metrics } from '@orderstream/observability';
import { LogLines } from '../../../test/support/fake-process';
import { type OperatorLog } from '../src/operator-log/operator-log';
import { RuntimeSettings } from '../src/settings/runtime-settings';

export const silentLogger = () => createLogger({ service: 'probe', level: 'info', destination: new LogLines() });

/** The settings of one instance. */
export const settingsOf = (log: OperatorLog, changeTimeoutMs?: number): RuntimeSettings =>
  new RuntimeSettings({
    log,
    service: 'probe',
    logger: silentLogger(),
    metrics: new Metrics({ app: 'probe', processMetrics: false }),
    ...(changeTimeoutMs === undefined ? {} : { changeTimeoutMs }),
  });

let requests = 0;
/** A change by this actor, of a request of its own. */
export const by = (actor: string) => ({
  actor,
  role: 'operator',
  action: 'PUT /admin/probe',
  requestId: `request-${String(++requests)}`,
});

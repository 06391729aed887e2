import { type Logger, Metrics } from '@orderstream/observability';
import { type OperatorLog } from '../operator-log/operator-log';
import { RuntimeSettings } from './runtime-settings';
import { type Setting } from './setting';

/**
 * Reads what operators have changed at run time, for a command that ends. It closes the log.
 *
 * @throws an error of the connection
 */
export async function readSettings(
  log: OperatorLog,
  service: string,
  logger: Pick<Logger, 'error'>,
): Promise<readonly Setting[]> {
  const metrics = new Metrics({ app: service, processMetrics: false });
  const settings = new RuntimeSettings({
    log,
    service,
    logger: {
      // A setting that is read is no news.
      info: () => undefined,
      error: (...line: Parameters<Logger['error']>) => {
        logger.error(...line);
      },
    },
    metrics,
  });
  try {
    await settings.start();
    return settings.all();
  } finally {
    await log.stop();
  }
}

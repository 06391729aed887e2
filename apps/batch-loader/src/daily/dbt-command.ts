import { ConfigError, loadSettings } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { createLogger } from '@orderstream/observability';
import { createBatch } from '../batch';
import { batchLoaderSettings } from '../batch-loader.config';
import { type Terminal } from '../commands/progress-bar';
import { createDaily } from './create-daily';
import { REFRESH } from './daily-lock';

const EXIT = { failed: 1, usage: 2 } as const;

/**
 * `dbt ARGUMENTS`: runs dbt in the warehouse of the batch, as the daily run does, and with its lock: two builds at once would
 * use the same temporary tables.
 *
 * @returns the exit code of dbt
 */
export async function runDbt(args: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  try {
    const settings = loadSettings(batchLoaderSettings);
    const logger = createLogger({ service: 'batch-loader', level: 'error' });
    const onLine = (line: string) => terminal.write(`${line}\n`);
    const { dbt, lock } = createDaily(settings, createBatch(settings, logger), logger, { observers: [], onLine });
    const held = await lock.acquire(REFRESH, signal);
    try {
      return (await dbt.run(args, AbortSignal.any([signal, held.signal]))).code;
    } finally {
      await held.release();
    }
  } catch (error) {
    if (!signal.aborted && !(error instanceof ConfigError) && !(error instanceof OrderstreamError)) throw error;
    terminal.write(`${error instanceof OrderstreamError ? `${error.code}: ${error.message}` : String(error)}\n`);
    return error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}

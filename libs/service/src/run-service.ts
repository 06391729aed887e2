import { ConfigError, loadSettings, type ServiceSettings } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { createLogger, type Logger } from '@orderstream/observability';
import { Service, type ServiceDefinition } from './service';

/** What `runService` uses of `process`. */
export interface ProcessHost {
  on(event: 'SIGTERM' | 'SIGINT', listener: (signal: NodeJS.Signals) => void): unknown;
  on(event: 'unhandledRejection' | 'uncaughtException', listener: (error: unknown) => void): unknown;
  readonly stderr: { write(text: string): unknown };
  exit(code: number): unknown;
}

export interface RunServiceOptions {
  /** `process.env` by default. */
  readonly env?: NodeJS.ProcessEnv;
  readonly host?: ProcessHost;
  readonly logger?: Logger;
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** Exit codes of the process. */
const EXIT = { ok: 0, failed: 1, misconfigured: 2 } as const;

/**
 * Runs a service in this process: reads its settings, starts it, and exits when it stops. Resolves when it is running.
 *
 * Exit codes: 0 stopped by SIGTERM or SIGINT and drained; 1 the start failed, the drain did not end within
 * SHUTDOWN_TIMEOUT_MS, or an error was not caught; 2 the configuration is invalid; 128 + n a second signal n came during
 * the drain.
 */
export async function runService<T extends { readonly service: ServiceSettings }>(
  definition: ServiceDefinition<T>,
  { env, host = process, logger: givenLogger }: RunServiceOptions = {},
): Promise<void> {
  let settings: T;
  try {
    settings = loadSettings(definition.settings, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    host.stderr.write(`${definition.name}: ${error.message}\n`);
    host.exit(EXIT.misconfigured);
    return;
  }
  const logger = givenLogger ?? createLogger({ service: definition.name, level: settings.service.logLevel });
  const service = new Service(definition, settings, logger);

  const fail = (error: unknown, what: string): void => {
    logFatal(logger, error, what);
    host.exit(EXIT.failed);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (service.isStopping()) {
      logger.warn({ signal }, 'second signal: exiting without draining');
      host.exit(128 + (signal === 'SIGINT' ? SIGNAL_NUMBERS.SIGINT : SIGNAL_NUMBERS.SIGTERM));
      return;
    }
    logger.info({ signal }, 'stopping');
    const { shutdownTimeoutMs } = settings.service;
    const deadline = setTimeout(() => {
      logger.fatal({ code: 'DEADLINE_EXCEEDED', shutdownTimeoutMs }, 'not drained within the shutdown timeout');
      host.exit(EXIT.failed);
    }, shutdownTimeoutMs);
    service.stop().then(
      () => {
        clearTimeout(deadline);
        logger.info('stopped');
        host.exit(EXIT.ok);
      },
      (error: unknown) => {
        clearTimeout(deadline);
        fail(error, 'the stop failed');
      },
    );
  };
  host.on('SIGTERM', onSignal);
  host.on('SIGINT', onSignal);
  host.on('unhandledRejection', (error) => {
    fail(error, 'unhandled promise rejection');
  });
  host.on('uncaughtException', (error) => {
    fail(error, 'uncaught exception');
  });

  try {
    await service.start();
  } catch (error) {
    // A stop during the start closes what the start uses; the error is a consequence of the stop.
    if (!service.isStopping()) fail(error, 'the start failed');
  }
}

/** The message of an `OrderstreamError` is complete; any other error is a defect and is logged with its stack. */
function logFatal(logger: Logger, error: unknown, what: string): void {
  if (error instanceof OrderstreamError) logger.fatal({ code: error.code }, `${what}: ${error.message}`);
  else logger.fatal({ err: error }, what);
}

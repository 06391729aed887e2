import { ConfigError, loadSettings, type ServiceSettings } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { createLogger, type Logger } from '@orderstream/observability';
import { Service, type ServiceDefinition } from './service';

/** The part of `process` that a service's life hangs on. */
export interface ProcessHost {
  on(event: 'SIGTERM' | 'SIGINT', listener: (signal: NodeJS.Signals) => void): unknown;
  on(event: 'unhandledRejection' | 'uncaughtException', listener: (error: unknown) => void): unknown;
  readonly stderr: { write(text: string): unknown };
  exit(code: number): unknown;
}

export interface Surroundings {
  /** The process' own environment by default. */
  readonly env?: NodeJS.ProcessEnv;
  readonly host?: ProcessHost;
  readonly logger?: Logger;
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** How the process ends. */
const EXIT = { ok: 0, failed: 1, misconfigured: 2 } as const;

/**
 * Runs a service as this process: reads its settings, starts it, and ends the process with it. Resolves once it runs.
 *
 * Exit codes: 0 stopped by SIGTERM or SIGINT and drained; 1 the start failed, the drain did not end within
 * SHUTDOWN_TIMEOUT_MS, or something threw that nobody caught; 2 the configuration is not valid; 128 + n a second
 * signal n came during the drain.
 */
export async function runService<T extends { readonly service: ServiceSettings }>(
  definition: ServiceDefinition<T>,
  { env, host = process, logger: givenLogger }: Surroundings = {},
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
      logger.fatal({ code: 'DEADLINE_EXCEEDED', shutdownTimeoutMs }, 'could not drain in time');
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
        fail(error, 'could not stop in order');
      },
    );
  };
  host.on('SIGTERM', onSignal);
  host.on('SIGINT', onSignal);
  host.on('unhandledRejection', (error) => {
    fail(error, 'a promise was rejected and nobody caught it');
  });
  host.on('uncaughtException', (error) => {
    fail(error, 'an error was thrown and nobody caught it');
  });

  try {
    await service.start();
  } catch (error) {
    // A stop takes the ground from under a start that is still going on: its error says nothing then.
    if (!service.isStopping()) fail(error, 'could not start');
  }
}

/** What was foreseen says all in its message; only a defect is worth its stack. */
function logFatal(logger: Logger, error: unknown, what: string): void {
  if (error instanceof OrderstreamError) logger.fatal({ code: error.code }, `${what}: ${error.message}`);
  else logger.fatal({ err: error }, what);
}

import { HttpStatus, Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { AUDIT_TOPIC, REPLAYS_TOPIC, TOPICS } from '@orderstream/contracts';
import { createKafka, ensureTopics, kafkaDependency } from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import {
  type Dependency,
  LOGGER,
  ProblemException,
  RuntimeSettings,
  type ServiceControl,
  SETTINGS,
} from '@orderstream/service';
import { type ConsoleSettings } from './console.config';
import { type ConsoleStatusDto } from './console-status.dto';
import { DeadLetters, LETTER_TOPICS } from './dead-letters/dead-letters';
import { Erasures } from './erasures/erasures';
import { Overview } from './overview/overview';
import { Replays } from './replays/replays';
import { type DrainState } from './subscription/subscription-drain';
import { RejectedMessages } from './subscription/rejected-messages';

/** What the console creates, so that it can start before the services that write to them. */
const CONSOLE_TOPICS = [
  ...LETTER_TOPICS,
  ...TOPICS.filter(({ name }) => name === REPLAYS_TOPIC || name === AUDIT_TOPIC),
];

/**
 * The console: the operators' view of dead letters, replays, services and the audit.
 *
 * Failure semantics: what it shows is stored in topics, and read from them again after a restart. Two consoles may run.
 */
@Injectable()
export class ConsoleService implements ServiceControl, OnApplicationShutdown {
  private readonly kafka;

  constructor(
    @Inject(SETTINGS) private readonly settings: ConsoleSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly deadLetters: DeadLetters,
    private readonly overview: Overview,
    private readonly rejected: RejectedMessages,
    private readonly replays: Replays,
    private readonly runtime: RuntimeSettings,
    private readonly erasures: Erasures,
  ) {
    this.kafka = createKafka(settings.kafka, logger);
  }

  /** What `prepare` needs. */
  dependencies(): readonly Dependency[] {
    return [kafkaDependency(this.kafka)];
  }

  async prepare(): Promise<void> {
    await ensureTopics(this.kafka, CONSOLE_TOPICS, {
      replication: this.settings.kafka.replication,
      onMismatch: (error) => {
        this.logger.error({ err: error, topic: error.topic }, error.message);
      },
    });
    this.deadLetters.log.start();
    this.overview.start();
    this.erasures.start();
    // Not before every erasure is known: a plan must not return what belongs to an erased customer. And a preview that a
    // console has left goes on at once: by the rules that operators have set.
    Promise.all([this.erasures.whenOpen, this.runtime.caughtUp]).then(
      () => {
        this.replays.start();
      },
      // The start of the service fails with it.
      () => undefined,
    );
    await this.rejected.start();
  }

  status(): ConsoleStatusDto {
    const { log } = this.deadLetters;
    const { unreadable, error } = log.state;
    const rejected = this.rejected.state;
    const { unavailable } = this.replays;
    return {
      state: log.isLoaded ? 'running' : 'loading',
      letters: { ...this.deadLetters.indexState(), unreadable, ...(error === undefined ? {} : { error }) },
      replays: unavailable === undefined ? { available: true } : { available: false, error: unavailable },
      ...(rejected === undefined ? {} : { subscription: statusOf(rejected) }),
    };
  }

  pause(): Promise<void> {
    throw notPausable();
  }

  resume(): Promise<void> {
    throw notPausable();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.replays.stop();
    await Promise.all([this.deadLetters.stop(), this.rejected.stop(), this.erasures.stop()]);
  }
}

const statusOf = ({ stored, foreign, error }: DrainState): NonNullable<ConsoleStatusDto['subscription']> => ({
  ...{ stored, foreign },
  ...(error === undefined ? {} : { error }),
});

const notPausable = (): ProblemException =>
  new ProblemException(
    HttpStatus.CONFLICT,
    'The console processes no records of its own. Pause a replay: POST /admin/replays/{id}/pause.',
  );

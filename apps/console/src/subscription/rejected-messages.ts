import { Inject, Injectable } from '@nestjs/common';
import { createKafka, RecordLookup, RecordProducer } from '@orderstream/kafka';
import { type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { LOGGER, METRICS, SETTINGS } from '@orderstream/service';
import { type ConsoleSettings } from '../console.config';
import { PulledMessages } from './pulled-messages';
import { type DrainState, SubscriptionDrain } from './subscription-drain';

const MAX_REQUEST_BYTES = 4 * 1_048_576 + 65_536;

/** What the BigQuery subscription rejected; nothing without PUBSUB_DEAD_LETTER_SUBSCRIPTION. */
@Injectable()
export class RejectedMessages {
  private readonly producer: RecordProducer;
  private readonly lookup: RecordLookup;
  private drain: SubscriptionDrain | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: ConsoleSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) private readonly metrics: Metrics,
  ) {
    const kafka = createKafka(settings.kafka, logger);
    this.producer = new RecordProducer(kafka, { maxRequestBytes: MAX_REQUEST_BYTES });
    this.lookup = new RecordLookup(kafka);
  }

  get state(): DrainState | undefined {
    return this.drain?.state;
  }

  /** Call it when the topics exist. */
  async start(): Promise<void> {
    const { pubsub, rejected } = this.settings;
    if (rejected.subscription === undefined) return;
    await this.producer.connect();
    const counter = this.metrics.counter(METRIC.deadLetters);
    this.drain = new SubscriptionDrain({
      source: new PulledMessages(pubsub, rejected.subscription),
      lookup: this.lookup,
      send: (letters) => this.producer.send(letters),
      onStored: (count) => {
        counter.inc({ family: 'orders', reason: 'subscription.rejected' }, count);
      },
      logger: this.logger,
    });
    this.drain.start();
  }

  async stop(): Promise<void> {
    await this.drain?.stop();
    await Promise.all([this.producer.disconnect(), this.lookup.close()]);
  }
}

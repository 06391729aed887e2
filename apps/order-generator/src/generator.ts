import { Inject, Injectable, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { HEALTH, LOGGER, METRICS, type Dependency, type ServiceControl, SETTINGS, TRACING } from '@orderstream/service';
import { FAMILIES, rawTopic, TOPICS } from '@orderstream/contracts';
import {
  createKafka,
  ensureTopics,
  fetchEndOffsets,
  kafkaDependency,
  observeClients,
  RecordProducer,
} from '@orderstream/kafka';
import { type Health, type Logger, METRIC, type Metrics, type Tracing } from '@orderstream/observability';
import { type Batch } from './emission/batch';
import { SYSTEM_CLOCK } from './emission/clock';
import { Emitter } from './emission/emitter';
import { TracedSender } from './emission/traced-sender';
import { Ledger } from './ledger/ledger';
import { type OrderGeneratorSettings } from './order-generator.config';
import { createPools } from './simulation/pools';
import { STEADY_TRADE } from './simulation/scenarios/steady-trade';
import { Sequence } from './simulation/sequence';

/** Size of one produce request: below the raw topics' limit of 4 MB. */
const MAX_REQUEST_BYTES = 3_500_000;
const MAX_BATCH_BYTES = 2_000_000;
const HOUR_MS = 3_600_000;
const MEBIBYTE = 1_048_576;

const RAW_TOPICS = new Set(FAMILIES.map(rawTopic));

/** The service around the emitter: opens topics, ledger and producer before the first record, and closes them after the last. */
@Injectable()
export class Generator implements ServiceControl, OnModuleDestroy, OnApplicationShutdown {
  private readonly kafka;
  private readonly producer: RecordProducer;
  private ledger: Ledger | undefined;
  private emitter: Emitter | undefined;
  private isClosing = false;

  constructor(
    @Inject(SETTINGS) private readonly settings: OrderGeneratorSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) private readonly metrics: Metrics,
    @Inject(TRACING) private readonly tracing: Tracing,
    @Inject(HEALTH) health: Health,
  ) {
    this.kafka = createKafka(settings.kafka, logger);
    this.producer = new RecordProducer(this.kafka, { maxRequestBytes: MAX_REQUEST_BYTES });
    health.live('emitter', () => ({ ok: this.emitter?.state !== 'failed', detail: this.emitter?.state }));
    health.ready('emitter', () => ({
      ok: this.emitter !== undefined && this.emitter.state !== 'failed' && this.emitter.state !== 'retrying',
      detail: this.emitter?.state ?? 'opening',
    }));
    observeClients(metrics);
    metrics.gauge(METRIC.generatorTargetRate, (gauge) => {
      gauge.set(this.emitter?.targetRate ?? settings.simulation.rate);
    });
    metrics.gauge(METRIC.generatorAchievedRate, (gauge) => {
      gauge.set(this.emitter?.achievedRate ?? 0);
    });
  }

  /** What `open` needs. */
  dependencies(): readonly Dependency[] {
    return [kafkaDependency(this.kafka)];
  }

  /** Creates the topics, opens producer and ledger, and starts emitting if GENERATOR_AUTOSTART is set. */
  async open(): Promise<void> {
    const { simulation, emission, kafka } = this.settings;
    await ensureTopics(
      this.kafka,
      TOPICS.filter(({ name }) => RAW_TOPICS.has(name)),
      { replication: kafka.replication },
    );
    await this.producer.connect();
    const ledger = await this.openLedger();
    if (this.isClosing) {
      ledger.close();
      return;
    }
    this.ledger = ledger;
    this.emitter = new Emitter(
      ledger,
      this.tracing.enabled ? new TracedSender(this.producer, this.tracing) : this.producer,
      SYSTEM_CLOCK,
      {
        maxEvents: simulation.maxEvents,
        nominalRate: simulation.nominalRate,
        maxPastMs: simulation.maxPastHours * HOUR_MS,
        defectRate: simulation.defectRate,
        maxBatchBytes: MAX_BATCH_BYTES,
        ...emission,
      },
      simulation.rate,
      (batch) => {
        this.countAcked(batch);
      },
    );
    this.logger.info({ nextSeq: ledger.sequence.nextSeq, identity: ledger.sequence.identity }, 'ledger is open');
    if (emission.autostart) this.emitter.start();
  }

  async resume(): Promise<void> {
    this.emitter?.start();
    return Promise.resolve();
  }

  async pause(): Promise<void> {
    await this.emitter?.stop();
  }

  setRate(eventsPerSecond: number): void {
    this.emitter?.setRate(eventsPerSecond);
  }

  status(): object {
    const { emitter, ledger } = this;
    if (emitter === undefined || ledger === undefined) return { state: 'opening' };
    const { sequence } = ledger;
    const error = emitter.cause instanceof Error ? { error: emitter.cause.message } : {};
    return {
      state: emitter.state === 'retrying' ? 'running' : emitter.state,
      retrying: emitter.state === 'retrying',
      ...error,
      nextSeq: sequence.nextSeq,
      run: emitter.run,
      rate: { target: emitter.targetRate, achieved: Math.round(emitter.achievedRate * 10) / 10 },
      identity: sequence.identity,
      virtualTime: new Date(sequence.lastMs).toISOString(),
      defectRate: this.settings.simulation.defectRate,
    };
  }

  /** Stops sending records, and waits for the acknowledgements of those already sent. */
  async onModuleDestroy(): Promise<void> {
    this.isClosing = true;
    await this.emitter?.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.producer.disconnect();
    this.ledger?.close();
  }

  private async openLedger(): Promise<Ledger> {
    const { simulation, emission } = this.settings;
    const pools = createPools(simulation.seed);
    const ledger = await Ledger.open({
      directory: emission.ledgerDir,
      seed: simulation.seed,
      topicOf: rawTopic,
      maxBytes: emission.maxLedgerMegabytes * MEBIBYTE,
      build: (identity, start) =>
        new Sequence(
          identity,
          identity.seed === simulation.seed ? pools : createPools(identity.seed),
          STEADY_TRADE,
          start,
        ),
      topicsUntouched: async () => {
        const ends = await Promise.all([...RAW_TOPICS].map((topic) => fetchEndOffsets(this.kafka, topic)));
        return ends.flat().every((end) => end === 0);
      },
    });
    if (ledger.restartReason !== undefined) {
      this.logger.warn(
        { identity: ledger.sequence.identity, reason: ledger.restartReason },
        'the simulation cannot continue; a new marketplace starts',
      );
    }
    return ledger;
  }

  private countAcked(batch: Batch): void {
    const records = this.metrics.counter(METRIC.records);
    const byTopic = new Map<string, number>();
    for (const { topic } of batch.intents) byTopic.set(topic, (byTopic.get(topic) ?? 0) + 1);
    for (const family of FAMILIES) {
      const count = byTopic.get(rawTopic(family)) ?? 0;
      if (count > 0) records.inc({ family, outcome: 'acked' }, count);
    }
  }
}

import { Inject, Injectable, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import {
  type Dependency,
  HEALTH,
  LOGGER,
  METRICS,
  Pauses,
  RuntimeSettings,
  type ServiceControl,
  SETTINGS,
  TRACING,
} from '@orderstream/service';
import { FAMILIES, rawTopic, TOPICS } from '@orderstream/contracts';
import { createKafka, ensureTopics, kafkaDependency, observeClients, RecordProducer } from '@orderstream/kafka';
import { type Health, type Logger, METRIC, type Metrics, type Tracing } from '@orderstream/observability';
import { defectRateOf, type Scenario, SIMULATION_VERSION } from '@orderstream/simulation';
import { type Batch } from './emission/batch';
import { SYSTEM_CLOCK } from './emission/clock';
import { Emitter } from './emission/emitter';
import { TracedSender } from './emission/traced-sender';
import { Journal } from './journal/journal';
import { lastAppendTime } from './last-append-time';
import { type OrderGeneratorSettings } from './order-generator.config';
import { type ListedScenario, ScenarioFiles } from './scenarios/scenario-files';

/** Size of one produce request: below the raw topics' limit of 4 MB. */
const MAX_REQUEST_BYTES = 3_500_000;
const MAX_BATCH_BYTES = 2_000_000;
const HOUR_MS = 3_600_000;

const RAW_TOPICS = FAMILIES.map(rawTopic);

/** A scenario by its name, or as a whole. */
export type ChosenScenario = { readonly name: string; readonly maxOrders?: number } | { readonly yaml: string };

/** The service around the emitter: opens topics, journal and producer before the first record, and closes them after the last. */
@Injectable()
export class Generator implements ServiceControl, OnModuleDestroy, OnApplicationShutdown {
  private readonly kafka;
  private readonly producer: RecordProducer;
  private readonly files: ScenarioFiles;
  private readonly scenario: Scenario;
  private journal: Journal | undefined;
  private emitter: Emitter | undefined;
  /** What an earlier process may have sent is being sent again; nothing new follows. */
  private isResending = false;
  private isClosing = false;

  constructor(
    @Inject(SETTINGS) private readonly settings: OrderGeneratorSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) private readonly metrics: Metrics,
    @Inject(TRACING) private readonly tracing: Tracing,
    @Inject(HEALTH) health: Health,
    private readonly runtime: RuntimeSettings,
    private readonly pauses: Pauses,
  ) {
    const { scenario, scenarioDir, rate } = settings.simulation;
    this.files = new ScenarioFiles(scenarioDir);
    this.scenario = this.files.load(scenario);
    this.kafka = createKafka(settings.kafka, logger);
    this.producer = new RecordProducer(this.kafka, { maxRequestBytes: MAX_REQUEST_BYTES });
    health.live('emitter', () => ({ ok: this.emitter?.state !== 'failed', detail: this.emitter?.state }));
    health.ready('emitter', () => ({
      ok: this.emitter !== undefined && this.emitter.state !== 'failed' && this.emitter.state !== 'retrying',
      detail: this.emitter?.state ?? 'opening',
    }));
    observeClients(metrics);
    metrics.gauge(METRIC.generatorTargetRate, (gauge) => {
      gauge.set(this.emitter?.targetRate ?? rate);
    });
    metrics.gauge(METRIC.generatorAchievedRate, (gauge) => {
      gauge.set(this.emitter?.achievedRate ?? 0);
    });
  }

  /** What `open` needs. */
  dependencies(): readonly Dependency[] {
    return [kafkaDependency(this.kafka)];
  }

  /**
   * Creates the topics, opens producer and journal, and starts emitting if GENERATOR_AUTOSTART is set and no operator has
   * stopped the generator. Otherwise it sends again only what an earlier process may have sent.
   */
  async open(): Promise<void> {
    const { simulation, emission, kafka } = this.settings;
    const { seed, rate, defectRate, maxEvents, nominalRate, maxPastHours } = simulation;
    await ensureTopics(
      this.kafka,
      TOPICS.filter(({ name }) => RAW_TOPICS.includes(name)),
      { replication: kafka.replication },
    );
    await this.producer.connect();
    const journal = Journal.open(emission.ledgerDir);
    this.journal = journal;
    await this.runtime.caughtUp;
    const notBeforeMs = journal.last === undefined ? await lastAppendTime(this.kafka, RAW_TOPICS) : 0;
    if (this.isClosing) return;
    this.emitter = new Emitter({
      journal,
      sender: this.tracing.enabled ? new TracedSender(this.producer, this.tracing) : this.producer,
      clock: SYSTEM_CLOCK,
      settings: {
        seed: String(seed),
        maxEvents,
        nominalRate,
        maxPastMs: maxPastHours * HOUR_MS,
        maxBatchBytes: MAX_BATCH_BYTES,
        notBeforeMs,
        ...emission,
      },
      target: { scenario: this.scenario, rate, defectRate },
      topicOf: rawTopic,
      onAcked: (batch) => {
        this.countAcked(batch);
      },
      onSegment: (segment, reason) => {
        this.logger.info({ segment, reason }, 'a new segment begins');
      },
    });
    this.logger.info({ segment: journal.last?.id, nextSeq: this.emitter.nextSeq }, 'the journal is open');
    if (emission.autostart && !this.pauses.startsPaused()) {
      this.emitter.start();
    } else {
      this.isResending = true;
      this.emitter.resend();
    }
  }

  async resume(): Promise<void> {
    if (this.isResending) await this.emitter?.stop();
    this.isResending = false;
    this.emitter?.start();
  }

  /** What is sent again after a restart is not stopped: it ends by itself. */
  async pause(): Promise<void> {
    if (!this.isResending) await this.emitter?.stop();
  }

  setRate(eventsPerSecond: number): void {
    this.emitter?.setRate(eventsPerSecond);
  }

  scenarios(): readonly ListedScenario[] {
    return this.files.list();
  }

  /** Changes the scenario from the next batch on. @throws UnknownScenarioError, InvalidScenarioError: the present one goes on */
  setScenario(chosen: ChosenScenario): void {
    if ('yaml' in chosen) {
      this.emitter?.setScenario(this.files.parse(chosen.yaml));
      return;
    }
    const scenario = this.files.load(chosen.name);
    const { maxOrders = scenario.arrivals.maxOrders } = chosen;
    this.emitter?.setScenario({ ...scenario, arrivals: { ...scenario.arrivals, maxOrders } });
  }

  status(): object {
    const { emitter, journal } = this;
    if (emitter === undefined || journal === undefined) return { state: 'opening' };
    const error = emitter.cause instanceof Error ? { error: emitter.cause.message } : {};
    const { virtualMs } = emitter;
    const { defectRate = defectRateOf(emitter.targetScenario), seed } = this.settings.simulation;
    return {
      state: emitter.state === 'retrying' ? 'running' : emitter.state,
      retrying: emitter.state === 'retrying',
      ...error,
      nextSeq: emitter.nextSeq,
      run: emitter.run,
      rate: { target: emitter.targetRate, achieved: Math.round(emitter.achievedRate * 10) / 10 },
      scenario: emitter.targetScenario.name,
      identity: { seed, simulationVersion: SIMULATION_VERSION, segment: journal.last?.id },
      virtualTime: virtualMs === undefined ? undefined : new Date(virtualMs).toISOString(),
      defectRate,
    };
  }

  /** Stops sending records, and waits for the acknowledgements of those already sent. */
  async onModuleDestroy(): Promise<void> {
    this.isClosing = true;
    await this.emitter?.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.producer.disconnect();
    this.journal?.close();
  }

  private countAcked(batch: Batch): void {
    const records = this.metrics.counter(METRIC.records);
    for (const family of FAMILIES) {
      const count = batch.byFamily[family];
      if (count > 0) records.inc({ family, outcome: 'acked' }, count);
    }
  }
}

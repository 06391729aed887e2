import { type Family, validatedTopic } from '@orderstream/contracts';
import { DeadlineError, waitUntil } from '@orderstream/deadlines';
import { type KafkaRecord } from '@orderstream/kafka';
import { markLedger, NoProgressError, PlantedRecords, type RunStart, RunVerifier } from '@orderstream/ledger';

import { generatorStatus, rewindGroup, validatorStatus } from '../../../../dev/src';
import { type FaultStack } from '../stack/fault-stack';
import { type CommittedOffsets } from './committed-offsets';
import { consumerRecovery } from './recovery';
import { type Verdict } from './verdict';

const CATCH_UP_DEADLINE_MS = 180_000;
const DELIVERY_POLL_INTERVAL_MS = 5_000;
const DELIVERY_DEADLINE_MS = 15 * 60_000;

/** Where ledger, topics and tables were before a round. */
export interface RoundStart {
  readonly run: RunStart;
  readonly rejectedRows: number;
}

interface CompareOptions {
  /** The Pub/Sub emulator was killed since the start, and has lost messages. */
  readonly pubsubLostMessages?: boolean;
  /**
   * The start was before the first record: every record of the raw topics must be in the ledger, or planted. From a later
   * start on a record may come in that was sent before it.
   */
  readonly isWhole?: boolean;
}

/**
 * Compares what was sent with what topics and tables hold. The counters of the validator are the only statement of a
 * service that it reads, and they are compared too.
 */
export class RoundVerifier {
  /** Records besides the generator's, whose verdict is known. */
  readonly planted = new PlantedRecords();
  private readonly verifier: RunVerifier;

  constructor(
    private readonly stack: FaultStack,
    private readonly offsets: CommittedOffsets,
    private readonly signal: AbortSignal,
  ) {
    this.verifier = new RunVerifier({
      kafka: stack.kafka(),
      tables: stack.tables(),
      generator: async () => generatorStatus.parse(await stack.service('order-generator').client().status()),
      validator: async () => validatorStatus.parse(await stack.service('validator').client().status()),
      ledgerFolder: stack.ledgerFolder,
      signal,
      rejectionsExpected: true,
      planted: this.planted,
    });
  }

  async start(): Promise<RoundStart> {
    return {
      run: await this.verifier.start(markLedger(this.stack.ledgerFolder)),
      rejectedRows: this.stack.writeApi.rejectedRows,
    };
  }

  /** Waits until the pipeline has drained, then compares everything since the start. The load must have ended. */
  async compare(
    { run, rejectedRows }: RoundStart,
    { pubsubLostMessages = false, isWhole = false }: CompareOptions = {},
  ): Promise<Verdict> {
    let lostByPubSub = 0;
    let stalled: string | undefined;
    try {
      if (pubsubLostMessages) lostByPubSub = await this.publishAgain(run);
      await this.verifier.waitUntilDone(run, 0);
    } catch (error) {
      if (!(error instanceof NoProgressError) && !(error instanceof DeadlineError)) throw error;
      stalled = error.message;
    }
    const result = await this.verifier.compare(run, isWhole);
    const { rejected, foreign } = result.accounts;
    const wronglyRejected = Math.max(0, rejected - (this.stack.writeApi.rejectedRows - rejectedRows));
    const ofUnknownOrigin = isWhole ? Math.max(0, foreign - this.planted.sent) : 0;
    return { ...result, stalled, wronglyRejected, ofUnknownOrigin, lostByPubSub };
  }

  /** See `RunVerifier.archiveLog`. */
  archiveLog(family: Family): Promise<readonly KafkaRecord[]> {
    return this.verifier.archiveLog(family);
  }

  /**
   * Counts the orders that Pub/Sub's emulator had acknowledged and lost when it was killed, and resets the bridge to the
   * start of the round, so that it publishes them again.
   */
  private async publishAgain(run: RunStart): Promise<number> {
    await consumerRecovery(this.offsets, 'validator', performance.now(), CATCH_UP_DEADLINE_MS);
    await consumerRecovery(this.offsets, 'pubsub-bridge', performance.now(), CATCH_UP_DEADLINE_MS);
    const lost = await this.undelivered(run);
    if (lost === 0) return 0;
    const bridge = this.stack.instance('pubsub-bridge');
    await bridge.down();
    const offsets = new Map(run.snapshot.families.orders.validated.entries());
    await rewindGroup(this.stack.kafka(), { groupId: 'pubsub-bridge', topic: validatedTopic('orders'), offsets });
    await bridge.up();
    await bridge.ready();
    return lost;
  }

  /** Validated orders that are not in streaming_orders, once their number does not change any more. */
  private async undelivered(run: RunStart): Promise<number> {
    let before: number | undefined;
    return waitUntil(
      async () => {
        const missing = await this.verifier.undelivered(run);
        const isFinal = missing === 0 || missing === before;
        before = missing;
        return isFinal && missing;
      },
      {
        what: 'the subscription to deliver everything that it has',
        deadlineMs: DELIVERY_DEADLINE_MS,
        intervalMs: DELIVERY_POLL_INTERVAL_MS,
        signal: this.signal,
      },
    );
  }
}

import { generatorStatus, validatorStatus } from '../../../../dev/src';
import { setTimeout as delay } from 'node:timers/promises';

import { validatedTopic } from '@orderstream/contracts';
import {
  Accountant,
  type Accounts,
  type Closing,
  Comparison,
  isAccountedFor,
  markLedger,
  NoProgressError,
  type Opening,
  PlantedRecords,
  RunLedger,
} from '@orderstream/ledger';
import { type FaultStack } from '../stack/fault-stack';
import { DeadlineError, waitUntil } from '@orderstream/deadlines';
import { type Positions } from './positions';

const EMPTY_GROUP_DEADLINE_MS = 60_000;
const CAUGHT_UP_MS = 180_000;
const SETTLE_INTERVAL_MS = 5_000;
const SETTLE_DEADLINE_MS = 15 * 60_000;

/** What a comparison of ledger, topics and tables came to. */
export interface Verdict {
  readonly accounts: Accounts;
  readonly counterDifferences: readonly string[];
  /** Why the wait for the end was given up, if it was. */
  readonly stalled: string | undefined;
  /** Rows in the sink's dead letters that nobody rejected. */
  readonly wronglyRejected: number;
  /** Records in the raw topics that neither the generator nor a fault has sent; only looked for from the beginning on. */
  readonly sentByNobody: number;
  /** Acknowledged by Pub/Sub and lost with it; sent again by rewinding the bridge. */
  readonly lostByPubSub: number;
}

/**
 * Lost, doubled, out of order, unexplained: all 0, and every verdict the one that the ledger foresaw. Where nothing was sent,
 * nothing was shown.
 */
export const isGreen = ({ accounts, counterDifferences, stalled, wronglyRejected, sentByNobody }: Verdict): boolean =>
  stalled === undefined &&
  accounts.generated > 0 &&
  counterDifferences.length === 0 &&
  wronglyRejected === 0 &&
  sentByNobody === 0 &&
  isAccountedFor(accounts);

/** When it did not come to a comparison. Never green. */
export const noVerdict = (why: string): Verdict => ({
  accounts: new Comparison(new RunLedger()).finish(),
  counterDifferences: [],
  stalled: why,
  wronglyRejected: 0,
  sentByNobody: 0,
  lostByPubSub: 0,
});

/** Where everything stood before a round. */
export interface Start {
  readonly opening: Opening;
  readonly rejectedRows: number;
}

/** What is known of the time since a start. */
interface Since {
  /** The emulator was killed in between. */
  readonly pubsubForgot?: boolean;
  /**
   * The start was the very first: every record of the raw topics has to be in the ledger, or planted. From a later start on
   * that is not asked: a record that was in doubt when the books were opened could still have come in.
   */
  readonly isWhole?: boolean;
}

/** Opens the books and closes them. Never asks a service what it did, but for the validator's counters, which are compared too. */
export class Books {
  /** Records that are not the generator's and have to be rejected. */
  readonly planted = new PlantedRecords();
  private readonly accountant: Accountant;

  constructor(
    private readonly stack: FaultStack,
    private readonly positions: Positions,
    signal: AbortSignal,
  ) {
    this.accountant = new Accountant({
      kafka: stack.kafka(),
      tables: stack.tables(),
      generator: async () => generatorStatus.parse(await stack.client('order-generator').status()),
      validator: async () => validatorStatus.parse(await stack.client('validator').status()),
      ledgerFolder: stack.ledgerFolder,
      signal,
      rejectionsExpected: true,
      planted: this.planted,
    });
  }

  async open(): Promise<Start> {
    return {
      opening: await this.accountant.open(markLedger(this.stack.ledgerFolder)),
      rejectedRows: this.stack.writeApi.rejectedRows,
    };
  }

  /** Waits until nothing is under way, then compares everything since the opening. The load must have ended. */
  async close(
    { opening, rejectedRows }: Start,
    { pubsubForgot = false, isWhole = false }: Since = {},
  ): Promise<Verdict> {
    let lostByPubSub = 0;
    let stalled: string | undefined;
    try {
      if (pubsubForgot) lostByPubSub = await this.sendAgain(opening);
      await this.accountant.untilDone(opening, 0);
    } catch (error) {
      if (!(error instanceof NoProgressError) && !(error instanceof DeadlineError)) throw error;
      stalled = error.message;
    }
    const closing: Closing = await this.accountant.close(opening, isWhole);
    const { rejected, foreign } = closing.accounts;
    const wronglyRejected = Math.max(0, rejected - (this.stack.writeApi.rejectedRows - rejectedRows));
    const sentByNobody = isWhole ? Math.max(0, foreign - this.planted.sent) : 0;
    return { ...closing, stalled, wronglyRejected, sentByNobody, lostByPubSub };
  }

  /**
   * Pub/Sub's emulator keeps nothing over a kill: what it had acknowledged and not delivered is gone. It is counted, and the
   * bridge is set back to the opening, so that it publishes all of it again.
   */
  private async sendAgain(opening: Opening): Promise<number> {
    await this.positions.recovery('validator', performance.now(), CAUGHT_UP_MS);
    await this.positions.recovery('pubsub-bridge', performance.now(), CAUGHT_UP_MS);
    const lost = await this.undelivered(opening);
    if (lost === 0) return 0;
    const bridge = this.stack.instance('pubsub-bridge');
    await bridge.down();
    const admin = this.stack.kafka().admin();
    await admin.connect();
    try {
      const groupId = 'pubsub-bridge';
      await waitUntil(
        async () => {
          const { groups } = await admin.describeGroups([groupId]);
          return groups.every(({ members }) => members.length === 0);
        },
        { what: 'the group of the bridge to be empty', deadlineMs: EMPTY_GROUP_DEADLINE_MS },
      );
      const from = opening.cut.families.orders.validated;
      await admin.setOffsets({
        groupId,
        topic: validatedTopic('orders'),
        partitions: from.map((offset, partition) => ({ partition, offset: String(offset) })),
      });
    } finally {
      await admin.disconnect();
    }
    await bridge.up();
    await bridge.ready();
    return lost;
  }

  /** Validated orders that are not in streaming_orders, when that no longer changes. */
  private async undelivered(opening: Opening): Promise<number> {
    const until = performance.now() + SETTLE_DEADLINE_MS;
    let before = -1;
    for (;;) {
      const missing = await this.accountant.undelivered(opening);
      if (missing === before || missing === 0) return missing;
      if (performance.now() > until) throw new DeadlineError('deliveries to end', SETTLE_DEADLINE_MS);
      before = missing;
      await delay(SETTLE_INTERVAL_MS);
    }
  }
}

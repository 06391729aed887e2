import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, waitUntil } from '@orderstream/deadlines';
import { PARTITIONS, validatedTopic } from '@orderstream/contracts';
import { type Progress } from '../progress';
import { type BridgeDelivery } from './bridge-delivery';
import { type CheckedOffsets, loadCheckedOffsets, saveCheckedOffsets } from './checked-offsets';
import { type JvmHeap } from './jvm-heap';
import { type ServiceClient } from './service-client';
import { bridgeStatus, subscriptionStatus } from './service-status';
import { type Supervisor } from './supervisor';

const BRIDGE = 'pubsub-bridge';
/** The bridge reads its retry topic too: what that has published is not compared. */
const ORDERS = validatedTopic('orders');
const EMULATOR = 'pubsub-emulator';
const INTERVAL_MS = 1_000;
/** After an attempt that failed. */
const RETRY_INTERVAL_MS = 10_000;
/** A restart takes place above it. The rest of the heap is for what is published until the bridge has paused. */
const MAX_HEAP_SHARE = 0.7;
/** Without any progress. */
const DRAIN_DEADLINE_MS = 60_000;
/** Longer than each step that the bridge is paused for. */
const LEASE_SECONDS = 120;
/** Ends the lease, but not the pause of an operator. */
const END_OF_LEASE_SECONDS = 1;
/** Empty pulls in a row, all of them after the bridge has paused, that show that the subscription is empty. */
const EMPTY_PULLS = 3;

export interface PubsubRestartsOptions {
  readonly delivery: Pick<BridgeDelivery, 'table' | 'offsets' | 'findUndelivered' | 'rewind'>;
  /** With the token of an operator. */
  readonly bridge: Pick<ServiceClient, 'status' | 'pause'>;
  readonly subscription: Pick<ServiceClient, 'status'>;
  readonly supervisor: Pick<Supervisor, 'restart' | 'status'>;
  readonly heap: Pick<JvmHeap, 'usedShare'>;
  /** Stores the offsets up to which everything was delivered. */
  readonly file: string;
  readonly progress: Pick<Progress, 'line'>;
}

/** The committed offsets of the bridge, by partition. */
interface Committed {
  readonly offsets: readonly (number | undefined)[];
  readonly readAt: Date;
}

/**
 * Restarts the Pub/Sub emulator before its heap is full, and sends again what it loses.
 *
 * The emulator never frees a message, and loses all of them when it ends. So it is restarted while the bridge is paused
 * and the subscription is empty. After every restart, planned or not, and at the start of the stack, the records that the
 * bridge had committed are compared with `streaming_orders`. If some are missing, the bridge is stopped and its group is
 * rewound to the first of them.
 *
 * Failure semantics: the pause of the bridge is a lease, which ends by itself if this process is killed. The offsets up
 * to which everything has arrived are saved after each comparison, so that the next start compares what this one has not.
 * A step that fails is repeated. Nothing is lost; what is sent again arrives twice.
 */
export class PubsubRestarts {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  /** Committed offsets that have to be compared, because the emulator may have lost what was published below them. */
  private toCompare: Committed | undefined;
  /** Restarts of the emulator whose loss was compared, or is in `toCompare`. */
  private restarts = 0;
  private reported: string | undefined;

  constructor(private readonly options: PubsubRestartsOptions) {}

  /** Call before the bridge starts: what it has committed by now was published to an emulator that has ended since. */
  async prepare(): Promise<void> {
    this.toCompare = await this.committed();
  }

  start(): void {
    this.running = this.run();
  }

  /** Resolves when the supervisor has stopped the components that are being restarted. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the stack is stopped'));
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    let waitMs = INTERVAL_MS;
    for (;;) {
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.step();
        waitMs = INTERVAL_MS;
        this.reported = undefined;
      } catch (error) {
        waitMs = RETRY_INTERVAL_MS;
        if (!this.isStopping()) this.report(error);
      }
    }
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private report(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (text !== this.reported) this.options.progress.line(`  ${EMULATOR}: ${text} It is tried again.`);
    this.reported = text;
  }

  /** Does what is due. Called every second; what a call that rejects has left is due at the next one. */
  async step(): Promise<void> {
    const { state, restarts } = this.emulator();
    if (state !== 'running') return;
    if (restarts !== this.restarts) {
      // It died, or was killed because it did not answer.
      this.toCompare = await this.whileBridgeIsPaused(() => this.settle());
      this.restarts = restarts;
    }
    if (this.toCompare !== undefined) {
      await this.compare(this.toCompare);
      this.toCompare = undefined;
    }
    const share = this.options.heap.usedShare();
    if (share !== undefined && share > MAX_HEAP_SHARE) await this.restartEmptied(share);
  }

  private async restartEmptied(share: number): Promise<void> {
    this.toCompare = await this.whileBridgeIsPaused(async () => {
      await this.settle();
      // It can have died in the meantime; the next step handles that.
      if (this.emulator().restarts !== this.restarts) return undefined;
      await this.renewLease();
      const cause = `${String(Math.round(share * 100))} % of its heap was used, and its subscription is empty`;
      await this.options.supervisor.restart(EMULATOR, cause);
      const committed = await this.committed();
      this.restarts++;
      return committed;
    });
  }

  private async whileBridgeIsPaused<T>(work: () => Promise<T>): Promise<T> {
    await this.renewLease();
    try {
      return await work();
    } finally {
      // If the bridge does not answer, the lease ends by itself.
      await this.options.bridge.pause(END_OF_LEASE_SECONDS).catch(() => undefined);
    }
  }

  private renewLease(): Promise<void> {
    return this.options.bridge.pause(LEASE_SECONDS);
  }

  /**
   * Waits until the paused bridge has committed everything that it has read, and the subscription is empty.
   *
   * @returns the committed offsets
   */
  private async settle(): Promise<Committed> {
    const { signal } = this.stopping;
    const committed = await waitUntil(() => this.committedByPausedBridge(), {
      what: 'the paused bridge to publish and commit what it has read',
      deadlineMs: DRAIN_DEADLINE_MS,
      signal,
    });
    await this.untilEmpty();
    return committed;
  }

  private async committedByPausedBridge(): Promise<Committed | undefined> {
    const { partitions: all, unacknowledged } = bridgeStatus.parse(await this.options.bridge.status());
    const partitions = all.filter(({ topic }) => topic === ORDERS);
    const isSettled = ({ state }: { state: string }): boolean => state === 'paused' || state === 'stopped';
    if (partitions.length !== PARTITIONS || unacknowledged > 0 || !all.every(isSettled)) return undefined;
    const readAt = new Date();
    const { committed, beginnings } = await this.options.delivery.offsets();
    const isCommitted = partitions.every(
      ({ state, partition, nextOffset = 0 }) =>
        state === 'stopped' || (committed[partition] ?? beginnings[partition] ?? 0) >= nextOffset,
    );
    return isCommitted ? { offsets: committed, readAt } : undefined;
  }

  /** Waits for as long as rows are written: a backlog that a slow table takes minutes for is not a failure. */
  private async untilEmpty(): Promise<void> {
    const { signal } = this.stopping;
    const before = await this.deliveries();
    let { rowsWritten } = before;
    for (;;) {
      await this.renewLease();
      try {
        await waitUntil(
          async () => {
            const { emptyPulls } = await this.deliveries();
            const sinceBefore = emptyPulls < before.emptyPulls ? emptyPulls : emptyPulls - before.emptyPulls;
            return sinceBefore >= EMPTY_PULLS;
          },
          { what: 'the subscription to be empty', deadlineMs: DRAIN_DEADLINE_MS, signal },
        );
        return;
      } catch (error) {
        const now = await this.deliveries();
        if (!(error instanceof DeadlineError) || now.rowsWritten === rowsWritten) throw error;
        rowsWritten = now.rowsWritten;
      }
    }
  }

  private async deliveries(): Promise<{ emptyPulls: number; rowsWritten: number }> {
    return subscriptionStatus.parse(await this.options.subscription.status());
  }

  private async committed(): Promise<Committed> {
    const readAt = new Date();
    return { offsets: (await this.options.delivery.offsets()).committed, readAt };
  }

  /** Rewinds the bridge if records below these offsets have not arrived. */
  private async compare({ offsets, readAt }: Committed): Promise<void> {
    const { delivery, file, supervisor } = this.options;
    const checked = loadCheckedOffsets(file);
    const ranges = offsets.flatMap((until, partition) =>
      until === undefined ? [] : [{ partition, from: startOf(checked, partition, until), until }],
    );
    const { records, first, unreadable } = await delivery.findUndelivered(ranges, checked.at, this.stopping.signal);
    if (unreadable > 0) {
      this.options.progress.line(
        `  ${EMULATOR}: ${String(unreadable)} orders that the bridge has passed lie in batches that cannot be decoded, and are not in ` +
          `${delivery.table}: produce them again (docs/kafka-transport.md#batches-that-cannot-be-decoded).`,
      );
    }
    if (records > 0) {
      const cause = `${String(records)} orders that it published are not in ${delivery.table}. It publishes them again`;
      await supervisor.restart(BRIDGE, cause, (signal) => delivery.rewind(first, signal));
    }
    const delivered = offsets.map((offset, partition) => first.get(partition) ?? offset ?? 0);
    saveCheckedOffsets(file, delivered, readAt);
  }

  private emulator(): { state: string; restarts: number } {
    const found = this.options.supervisor.status().find(({ name }) => name === EMULATOR);
    if (found === undefined) throw new Error(`there is no component ${EMULATOR}`);
    return found;
  }
}

/** From 0 if the committed offset is lower than before: the topic was re-created. */
function startOf({ offsets }: CheckedOffsets, partition: number, until: number): number {
  const from = offsets[partition] ?? 0;
  return from <= until ? from : 0;
}

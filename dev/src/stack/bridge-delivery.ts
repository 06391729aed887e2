import { connectAdmin, fetchCommittedOffsets, fetchLogBounds } from '@orderstream/kafka';
import { rewindGroup } from './rewind-group';
import { type DeliverySources, findUndelivered, type PublishedRange, type Undelivered } from './undelivered-orders';

const GROUP = 'pubsub-bridge';

/** Offsets of the bridge's topic, by partition. */
export interface BridgeOffsets {
  /** Undefined where the group has none. */
  readonly committed: readonly (number | undefined)[];
  /** Where the log of each partition begins. */
  readonly beginnings: readonly number[];
}

/** What the bridge has committed, and what of it has arrived in the table of the BigQuery subscription. */
export class BridgeDelivery {
  constructor(private readonly sources: DeliverySources) {}

  /** `dataset.table` */
  get table(): string {
    return this.sources.table;
  }

  /** Empty before the first start of the bridge, which creates the topic. */
  async offsets(): Promise<BridgeOffsets> {
    const { kafka, topic } = this.sources;
    const admin = await connectAdmin(kafka);
    try {
      if (!(await admin.listTopics()).includes(topic)) return { committed: [], beginnings: [] };
      const { beginnings } = await fetchLogBounds(admin, topic);
      return { committed: await fetchCommittedOffsets(admin, GROUP, topic), beginnings };
    } finally {
      await admin.disconnect();
    }
  }

  /** See `findUndelivered`. */
  findUndelivered(ranges: readonly PublishedRange[], since: Date, signal: AbortSignal): Promise<Undelivered> {
    return findUndelivered(this.sources, ranges, since, signal);
  }

  /** Lets the stopped bridge begin at these offsets. See `rewindGroup`. */
  rewind(offsets: ReadonlyMap<number, number>, signal: AbortSignal): Promise<void> {
    const { kafka, topic } = this.sources;
    return rewindGroup(kafka, { groupId: GROUP, topic, offsets }, signal);
  }
}

import { CATALOG_VERSIONS_TOPIC } from '@orderstream/contracts';
import type { OutputRecord } from '@orderstream/kafka';
import {
  type CatalogVersions,
  CatalogVersionsOverlay,
  type PartitionState,
  StateOverlay,
  type StateRecord,
} from '@orderstream/quality';

/** What a partition remembers, as committed. */
export interface PartitionMemory {
  readonly state: PartitionState;
  /** Of the catalog's family alone. */
  readonly versions?: CatalogVersions | undefined;
}

/** The changes of an open batch to what its partition remembers. To discard them, drop the object. */
export class BatchChanges {
  readonly state: StateOverlay;
  readonly versions: CatalogVersionsOverlay | undefined;

  constructor({ state, versions }: PartitionMemory) {
    this.state = new StateOverlay(state);
    this.versions = versions && new CatalogVersionsOverlay(versions);
  }

  /** The records that make the changes durable. `nextOffset` is that of the input after the batch. */
  *records(stateTopic: string, partition: number, nextOffset: number): Generator<OutputRecord> {
    for (const record of this.state.stateRecords(nextOffset)) yield memoryRecord(stateTopic, partition, record);
    for (const record of this.versions?.records(nextOffset) ?? []) {
      yield memoryRecord(CATALOG_VERSIONS_TOPIC, partition, record);
    }
  }

  /** Applies the changes. Call it once, when the batch is known to be committed. */
  fold(nextOffset: number): void {
    this.state.fold(nextOffset);
    this.versions?.fold(nextOffset);
  }
}

/** A record of the state topic or the versions topic. */
export const memoryRecord = (topic: string, partition: number, { key, value }: StateRecord): OutputRecord => ({
  topic,
  partition,
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: {},
});

import { type Order } from './orders';
import { type SimulatedRecord } from './record';

/** An earlier record without a defect, to be duplicated. */
export interface EarlierRecord {
  readonly record: SimulatedRecord;
  readonly occurredAtMs: number;
}

export interface MemoryState {
  /** Sequence numbers of the orders, oldest first. */
  readonly orders: readonly number[];
  readonly records: readonly {
    readonly record: Omit<SimulatedRecord, 'value'> & { readonly value: string };
    readonly occurredAtMs: number;
  }[];
}

const MAX_ORDERS = 256;
const MAX_RECORDS = 48;

/** The last orders and some of the last records, for defects that refer to them. Bounded; the oldest are removed. */
export class Memory {
  private lastOrders: Order[] = [];
  private lastRecords: EarlierRecord[] = [];

  get orders(): readonly Order[] {
    return this.lastOrders;
  }

  get records(): readonly EarlierRecord[] {
    return this.lastRecords;
  }

  addOrder(order: Order): void {
    if (this.lastOrders.length >= MAX_ORDERS) this.lastOrders.shift();
    this.lastOrders.push(order);
  }

  addRecord(record: EarlierRecord): void {
    if (this.lastRecords.length >= MAX_RECORDS) this.lastRecords.shift();
    this.lastRecords.push(record);
  }

  /** Removes the orders with an event from `unknownFrom` on, and the records from there on. */
  retire(unknownFrom: number): void {
    this.lastOrders = this.lastOrders.filter(({ lastSeq }) => lastSeq < unknownFrom);
    this.lastRecords = this.lastRecords.filter(({ record }) => record.seq < unknownFrom);
  }

  get state(): MemoryState {
    return {
      orders: this.lastOrders.map(({ seq }) => seq),
      records: this.lastRecords.map(({ record, occurredAtMs }) => ({
        record: { ...record, value: record.value?.toString('utf8') ?? '' },
        occurredAtMs,
      })),
    };
  }

  restore(state: MemoryState, orders: ReadonlyMap<number, Order>): void {
    this.lastOrders = state.orders.flatMap((seq) => orders.get(seq) ?? []);
    this.lastRecords = state.records.map(({ record, occurredAtMs }) => ({
      record: { ...record, value: Buffer.from(record.value, 'utf8') },
      occurredAtMs,
    }));
  }
}

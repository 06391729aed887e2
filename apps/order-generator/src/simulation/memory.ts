import { type Order } from './orders';
import { type SimulatedRecord } from './record';

/** A good record that was told lately and may be told again, as it was. */
export interface Told {
  readonly record: SimulatedRecord;
  readonly occurredAtMs: number;
}

export interface MemoryState {
  /** Orders in memory, oldest first, by seq. */
  readonly orders: readonly number[];
  readonly told: readonly {
    readonly record: Omit<SimulatedRecord, 'value'> & { readonly value: string };
    readonly occurredAtMs: number;
  }[];
}

const MAX_ORDERS = 256;
const MAX_TOLD = 48;

/** The last orders and a few of the last records: what later defects refer back to. Bounded; the oldest leave. */
export class Memory {
  private recentOrders: Order[] = [];
  private recentlyTold: Told[] = [];

  get orders(): readonly Order[] {
    return this.recentOrders;
  }

  get told(): readonly Told[] {
    return this.recentlyTold;
  }

  addOrder(order: Order): void {
    if (this.recentOrders.length >= MAX_ORDERS) this.recentOrders.shift();
    this.recentOrders.push(order);
  }

  addTold(told: Told): void {
    if (this.recentlyTold.length >= MAX_TOLD) this.recentlyTold.shift();
    this.recentlyTold.push(told);
  }

  retire(doubtFrom: number): void {
    this.recentOrders = this.recentOrders.filter(({ lastSeq }) => lastSeq < doubtFrom);
    this.recentlyTold = this.recentlyTold.filter(({ record }) => record.seq < doubtFrom);
  }

  get state(): MemoryState {
    return {
      orders: this.recentOrders.map(({ seq }) => seq),
      told: this.recentlyTold.map(({ record, occurredAtMs }) => ({
        record: { ...record, value: record.value?.toString('utf8') ?? '' },
        occurredAtMs,
      })),
    };
  }

  restore(state: MemoryState, orders: ReadonlyMap<number, Order>): void {
    this.recentOrders = state.orders.flatMap((seq) => orders.get(seq) ?? []);
    this.recentlyTold = state.told.map(({ record, occurredAtMs }) => ({
      record: { ...record, value: Buffer.from(record.value, 'utf8') },
      occurredAtMs,
    }));
  }
}

import { type Marketplace } from '../marketplace';
import { type PopulationEvents } from '../population/catalog-events';
import { type ChangeSlots } from '../population/change-slots';
import { type Growth } from '../population/growth';
import { type Sale } from '../population/sales';
import { type SimulatedEvent } from '../simulated-event';
import { MICROS_PER_SECOND } from '../time/timestamps';

/** Events of one kind in the order of time. */
interface Source {
  /** When the next one is emitted, microseconds since 1970. */
  readonly nextMicros: number;
  /** The next one; undefined if nothing happens at this place. Moves to the place after it. */
  take(): SimulatedEvent | undefined;
  readonly position: SourcePosition;
}

/** Numbers from which a source continues. */
export type SourcePosition = readonly number[];

type Restored = SourcePosition | undefined;

/** Members that join. */
class Joining implements Source {
  nextMicros: number;

  constructor(
    private readonly growth: Growth,
    private readonly lateMicros: number,
    private readonly eventOf: (number: number) => SimulatedEvent,
    private number: number,
  ) {
    this.nextMicros = growth.timeOf(number) + lateMicros;
  }

  static from(
    micros: number,
    restored: Restored,
    growth: Growth,
    lateMicros: number,
    eventOf: (number: number) => SimulatedEvent,
  ): Joining {
    return new Joining(growth, lateMicros, eventOf, restored?.[0] ?? growth.countAt(micros));
  }

  get position(): SourcePosition {
    return [this.number];
  }

  take(): SimulatedEvent {
    const event = this.eventOf(this.number++);
    this.nextMicros = this.growth.timeOf(this.number) + this.lateMicros;
    return event;
  }
}

/** Members that change. */
class Changing implements Source {
  nextMicros = 0;
  private period: number;
  private slot: number;

  constructor(
    private readonly slots: ChangeSlots,
    private readonly lateMicros: number,
    private readonly eventOf: (number: number, period: number, micros: number) => SimulatedEvent | undefined,
    micros: number,
    restored: Restored,
  ) {
    const [period, slot] = restored ?? [];
    // What changes at the start itself is part of the announcement.
    const first = slots.firstSlot(micros + 1);
    this.period = period ?? first.period;
    this.slot = slot ?? first.slot;
    this.settle();
  }

  get position(): SourcePosition {
    return [this.period, this.slot];
  }

  take(): SimulatedEvent | undefined {
    const { slots, period, slot } = this;
    const event = this.eventOf(slots.memberOf(period, slot), period, slots.slotTime(period, slot));
    this.slot++;
    this.settle();
    return event;
  }

  private settle(): void {
    while (this.slot >= this.slots.sizeOf(this.period)) {
      this.period++;
      this.slot = 0;
    }
    this.nextMicros = this.slots.slotTime(this.period, this.slot) + this.lateMicros;
  }
}

/** Prices that change at the edges of a flash sale. */
class Discounting implements Source {
  nextMicros = Infinity;
  private window: number;
  private edge: number;
  private slot: number;

  constructor(
    private readonly sale: Sale,
    private readonly lateMicros: number,
    private readonly eventOf: (window: number, edge: number, slot: number) => SimulatedEvent | undefined,
    private readonly fromMicros: number,
    restored: Restored,
  ) {
    const [window, edge, slot] = restored ?? [];
    this.window = window ?? sale.when.lastWindow(fromMicros);
    this.edge = edge ?? 0;
    this.slot = slot ?? 0;
    this.settle();
    // Before the start: part of the announcement.
    while (restored === undefined && this.nextMicros - lateMicros <= fromMicros) this.advance();
  }

  get position(): SourcePosition {
    return [this.window, this.edge, this.slot];
  }

  take(): SimulatedEvent | undefined {
    const event = this.sale.when.happens(this.window) ? this.eventOf(this.window, this.edge, this.slot) : undefined;
    this.advance();
    return event;
  }

  private advance(): void {
    this.slot++;
    this.settle();
  }

  private settle(): void {
    if (this.slot >= this.sale.sizeOf(this.window)) {
      this.slot = 0;
      this.window += this.edge;
      this.edge = 1 - this.edge;
    }
    this.nextMicros = this.sale.slotTime(this.window, this.edge, this.slot) + this.lateMicros;
  }
}

/** The changes of the catalog and of the customers, merged by the time at which they are emitted. */
export class PopulationSource {
  private readonly sources: readonly Source[];
  private first: Source | undefined;

  /** @param micros the events after this time, unless positions are restored */
  constructor(
    { vendors, products, customers, sales, scenario }: Marketplace,
    events: PopulationEvents,
    micros: number,
    restored?: readonly SourcePosition[],
  ) {
    const late = scenario.catalog.lateSeconds * MICROS_PER_SECOND;
    this.sources = [
      Joining.from(micros, restored?.[0], vendors.growth, late, (number) => events.onboarded(number)),
      new Changing(vendors.slots, late, (...at) => events.vendorChanged(...at), micros, restored?.[1]),
      Joining.from(micros, restored?.[2], products.growth, late, (number) => events.listed(number)),
      new Changing(products.slots, late, (...at) => events.productChanged(...at), micros, restored?.[3]),
      Joining.from(micros, restored?.[4], customers.growth, 0, (number) => events.registered(number)),
      new Changing(customers.slots, 0, (...at) => events.customerChanged(...at), micros, restored?.[5]),
      ...sales.sales.map(
        (sale, index) =>
          new Discounting(sale, late, (...at) => events.saleChanged(index, ...at), micros, restored?.[6 + index]),
      ),
    ];
    this.choose();
  }

  get nextMicros(): number {
    return this.first?.nextMicros ?? Infinity;
  }

  take(): SimulatedEvent | undefined {
    const event = this.first?.take();
    this.choose();
    return event;
  }

  get positions(): readonly SourcePosition[] {
    return this.sources.map(({ position }) => position);
  }

  private choose(): void {
    this.first = undefined;
    for (const source of this.sources) {
      if (this.first === undefined || source.nextMicros < this.first.nextMicros) this.first = source;
    }
  }
}

import { Engine } from '../engine';
import { SegmentMismatchError } from '../errors';
import { Marketplace, SIMULATION_VERSION } from '../marketplace';
import { type NumberedEvent, type SimulatedEvent } from '../simulated-event';
import { MICROS_PER_MS } from '../time/timestamps';
import { GRID_MS, onGrid } from '../journeys/cells';
import { NO_TIME } from '../journeys/journey';
import { PopulationSource, type SourcePosition } from './population-source';
import { type Checkpoint, type OpenJourneys, type Segment } from './segment';
import { TimeQueue } from './time-queue';

// Constants: a look-up of `Math` is slow where tests run.
const { max, min } = Math;

const NUMBERS_PER_STEP = 6;
const MAX_ENGINES = 255;
/** Length of a cell at the rate 0. On the grid. */
const WITHOUT_SESSIONS_MS = 2 * GRID_MS;

interface Start {
  readonly n: number;
  readonly orders: number;
  readonly announced: number;
  readonly nextCellMs: number;
  readonly sources?: readonly SourcePosition[];
}

/**
 * The events of a segment, in the order in which they are emitted, numbered from 0. First the catalog as it is at the
 * start: vendors, then products. Then everything that happens: changes of the catalog, customers, sessions, orders.
 *
 * It holds the next step of each open session and order, 48 bytes each, and caches of a fixed size.
 */
export class EventCursor {
  private readonly engines: Engine[];
  private readonly queue = new TimeQueue();
  private readonly source: PopulationSource;
  private readonly vendors: number;
  private readonly products: number;
  private n: number;
  private orders: number;
  private announced: number;
  private nextCell: number;
  private announcedEvents: number | undefined;

  private constructor(
    readonly segment: Segment,
    start: Start,
  ) {
    checkSegment(segment);
    const marketplace = new Marketplace(segment.seed, segment.scenario, segment.simulationVersion);
    const engine = new Engine(marketplace);
    this.engines = [engine];
    this.n = start.n;
    this.orders = start.orders;
    this.announced = start.announced;
    this.nextCell = start.nextCellMs;
    this.vendors = marketplace.vendorsAt(segment.startMs);
    this.products = marketplace.productsAt(segment.startMs);
    this.source = new PopulationSource(marketplace, engine.population, segment.startMs * MICROS_PER_MS, start.sources);
  }

  /** From the beginning of a segment, without open orders. */
  static begin(segment: Segment): EventCursor {
    return new EventCursor(segment, { n: 0, orders: 0, announced: 0, nextCellMs: onGrid(segment.startMs) });
  }

  /**
   * From a checkpoint of the same segment, whose rates may have grown since.
   * @throws SegmentMismatchError if the checkpoint is of another one
   */
  static resume(segment: Segment, checkpoint: Checkpoint): EventCursor {
    checkCheckpoint(segment, checkpoint);
    const isSame =
      checkpoint.startMs === segment.startMs &&
      JSON.stringify(checkpoint.open[0]?.scenario) === JSON.stringify(segment.scenario);
    if (!isSame) throw new SegmentMismatchError('The checkpoint is of a segment with another start or scenario');
    const cursor = new EventCursor(segment, checkpoint);
    cursor.restore(checkpoint, 0);
    return cursor;
  }

  /**
   * From the beginning of a segment that follows another one: with a new scenario, say. The sessions and orders that are
   * open in the checkpoint go on by the rules of the scenario that they began in. What is due before the start is emitted
   * at the start.
   * @throws SegmentMismatchError if the checkpoint has another seed or simulation version
   */
  static follow(segment: Segment, checkpoint: Checkpoint): EventCursor {
    checkCheckpoint(segment, checkpoint);
    // A cell belongs to one segment only.
    const nextCellMs = max(onGrid(segment.startMs), checkpoint.nextCellMs);
    const cursor = new EventCursor(segment, { n: 0, orders: 0, announced: 0, nextCellMs });
    cursor.restore(checkpoint, segment.startMs * MICROS_PER_MS);
    return cursor;
  }

  /** The people and goods of the segment. */
  get marketplace(): Marketplace {
    return this.engine.marketplace;
  }

  /** The number of the next event. */
  get position(): number {
    return this.n;
  }

  /** Number of events with which the segment announces the catalog. They have the numbers below it. */
  get announcements(): number {
    this.announcedEvents ??= this.vendors + this.engine.population.listedProducts(this.products, this.segment.startMs);
    return this.announcedEvents;
  }

  /** Start of the next cell whose sessions are not yet known. A rate may be appended from here on. */
  get nextCellMs(): number {
    return this.nextCell;
  }

  /** Whether the scenario's number of orders is reached. */
  get isFinished(): boolean {
    const { maxOrders } = this.segment.scenario.arrivals;
    return maxOrders > 0 && this.orders >= maxOrders;
  }

  /** The next event, unless it is emitted after this time or the segment is finished. */
  next(untilMicros = Infinity): NumberedEvent | undefined {
    while (!this.isFinished) {
      const event =
        this.announced < this.vendors + this.products ? this.announce(untilMicros) : this.happen(untilMicros);
      if (event === 'later') return undefined;
      if (event !== undefined) return numbered(event, this.n++);
    }
    return undefined;
  }

  checkpoint(): Checkpoint {
    const open = this.engines.map(({ marketplace }) => ({ scenario: marketplace.scenario, steps: [] as number[] }));
    const nextCellMicros = this.nextCell * MICROS_PER_MS;
    const dues = [...this.queue.entries()].sort((a, b) => a.startMs - b.startMs || a.session - b.session);
    for (const { engine, startMs, lengthMs, session, step, occurredMicros, emittedMicros } of dues) {
      open[engine]?.steps.push(
        (startMs - this.nextCell) / GRID_MS,
        occurredMicros - nextCellMicros,
        lengthMs / GRID_MS,
        session,
        step,
        emittedMicros - occurredMicros,
      );
    }
    return {
      version: 1,
      simulationVersion: this.segment.simulationVersion,
      seed: this.segment.seed,
      startMs: this.segment.startMs,
      n: this.n,
      orders: this.orders,
      announced: this.announced,
      nextCellMs: this.nextCell,
      sources: this.source.positions,
      open: open.filter(({ steps }, index) => index === 0 || steps.length > 0),
    };
  }

  private restore({ open, nextCellMs }: Checkpoint, earliestMicros: number): void {
    const nextCellMicros = nextCellMs * MICROS_PER_MS;
    for (const journeys of open) {
      const engine = this.engineOf(journeys);
      const { steps } = journeys;
      for (let at = 0; at < steps.length; at += NUMBERS_PER_STEP) {
        const [start = 0, occurred = 0, length = 0, session = 0, step = 0, late = 0] = steps.slice(
          at,
          at + NUMBERS_PER_STEP,
        );
        const occurredMicros = occurred + nextCellMicros;
        this.queue.add({
          emittedMicros: max(earliestMicros, occurredMicros + late),
          occurredMicros,
          engine,
          startMs: start * GRID_MS + nextCellMs,
          lengthMs: length * GRID_MS,
          session,
          step,
        });
      }
    }
  }

  /** The engine of a scenario; a new one if none of the cursor's has it. */
  private engineOf({ scenario }: OpenJourneys): number {
    const text = JSON.stringify(scenario);
    const known = this.engines.findIndex(({ marketplace }) => JSON.stringify(marketplace.scenario) === text);
    if (known >= 0) return known;
    if (this.engines.length >= MAX_ENGINES) {
      throw new SegmentMismatchError(`Orders of more than ${String(MAX_ENGINES)} scenarios are open`);
    }
    const { seed, simulationVersion } = this.segment;
    return this.engines.push(new Engine(new Marketplace(seed, scenario, simulationVersion))) - 1;
  }

  private announce(untilMicros: number): SimulatedEvent | 'later' | undefined {
    const { startMs } = this.segment;
    if (startMs * MICROS_PER_MS > untilMicros) return 'later';
    const { population } = this.engine;
    const number = this.announced++;
    if (number < this.vendors) return population.announcedVendor(number, startMs);
    return population.announcedProduct(number - this.vendors, startMs);
  }

  private happen(untilMicros: number): SimulatedEvent | 'later' | undefined {
    const { queue, source } = this;
    let micros = min(queue.firstMicros, source.nextMicros);
    while (this.nextCell * MICROS_PER_MS <= min(micros, untilMicros)) {
      this.startCell();
      micros = min(queue.firstMicros, source.nextMicros);
    }
    if (micros > untilMicros) return 'later';
    // The catalog first, so that an order of the same time refers to what was announced.
    return source.nextMicros <= queue.firstMicros ? source.take() : this.takeStep();
  }

  private takeStep(): SimulatedEvent {
    const { queue } = this;
    const due = queue.first;
    const engine = this.engines[due.engine] as Engine;
    const { event, nextMicros, lateMicros } = engine.step(
      due.startMs,
      due.lengthMs,
      due.session,
      due.step,
      due.occurredMicros,
    );
    if (nextMicros === NO_TIME) queue.removeFirst();
    else queue.replaceFirst(max(due.emittedMicros, nextMicros + lateMicros), nextMicros);
    if (event.type === 'order.placed') this.orders++;
    return event.emittedMicros === due.emittedMicros ? event : { ...event, emittedMicros: due.emittedMicros };
  }

  /** Adds the sessions of the next cell. */
  private startCell(): void {
    const { arrivals, journey } = this.engine;
    const eventsPerSecond = this.rateAt(this.nextCell);
    if (eventsPerSecond === 0) {
      // Regular arrivals would have a cell of half an hour.
      this.nextCell += WITHOUT_SESSIONS_MS;
      return;
    }
    const cell = arrivals.cellAt(this.nextCell, eventsPerSecond);
    const { startMs, lengthMs } = cell;
    const hasLate = this.segment.scenario.late.share > 0;
    arrivals.sessionsIn(cell, eventsPerSecond, (session, startMicros) => {
      let occurredMicros = startMicros;
      let lateMicros = 0;
      if (hasLate || arrivals.isRegular) {
        journey.load(startMs, lengthMs, session);
        ({ lateMicros } = journey);
        if (arrivals.isRegular) {
          occurredMicros = journey.placedAt(startMicros);
          if (!journey.canOrder(occurredMicros)) return;
        }
      }
      this.queue.add({
        emittedMicros: occurredMicros + lateMicros,
        occurredMicros,
        engine: 0,
        startMs,
        lengthMs,
        session,
        step: 0,
      });
    });
    this.nextCell = startMs + lengthMs;
  }

  private rateAt(ms: number): number {
    let { eventsPerSecond } = this.segment.rates[0] ?? { eventsPerSecond: 0 };
    for (const rate of this.segment.rates) {
      if (rate.fromMs > ms) break;
      ({ eventsPerSecond } = rate);
    }
    return eventsPerSecond;
  }

  private get engine(): Engine {
    return this.engines[0] as Engine;
  }
}

/** Adds its number to an event that nobody else has: a copy would take three times as long. */
function numbered(event: SimulatedEvent, n: number): NumberedEvent {
  const own: SimulatedEvent & { n?: number } = event;
  own.n = n;
  return own as NumberedEvent;
}

/** @throws RangeError if the segment has no events */
function checkSegment({ simulationVersion, startMs, rates, scenario }: Segment): void {
  if (simulationVersion !== SIMULATION_VERSION) {
    throw new SegmentMismatchError(
      `The segment is of simulation version ${String(simulationVersion)}, the program of version ${String(SIMULATION_VERSION)}`,
    );
  }
  if (startMs < Date.parse(scenario.population.openedAt)) {
    throw new RangeError(`The segment starts before the marketplace opens, on ${scenario.population.openedAt}`);
  }
  const isInOrder = rates.every(({ fromMs }, index) => fromMs >= (rates[index - 1]?.fromMs ?? -Infinity));
  const areRates = rates.every(({ eventsPerSecond }) => Number.isFinite(eventsPerSecond) && eventsPerSecond >= 0);
  if (rates.length === 0 || !isInOrder || !areRates || (rates[0]?.fromMs ?? Infinity) > startMs) {
    throw new RangeError('A segment has rates from its start on, in the order of time, none negative');
  }
}

function checkCheckpoint(segment: Segment, { version, simulationVersion, seed }: Checkpoint): void {
  if ((version as number) !== 1) throw new SegmentMismatchError(`The checkpoint has version ${String(version)}, not 1`);
  if (simulationVersion !== segment.simulationVersion || seed !== segment.seed) {
    throw new SegmentMismatchError('The checkpoint is of another seed or simulation version');
  }
}

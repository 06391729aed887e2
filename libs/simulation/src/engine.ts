import { type Marketplace } from './marketplace';
import { PopulationEvents } from './population/catalog-events';
import { Arrivals } from './journeys/arrivals';
import { Journey, NO_TIME } from './journeys/journey';
import { JourneyEvents } from './journeys/journey-events';
import { Producers } from './producers';
import { type SimulatedEvent } from './simulated-event';

/** A step of a journey: its event, and when the next step occurs. */
export interface TakenStep {
  readonly event: SimulatedEvent;
  /** NO_TIME: there is none. */
  readonly nextMicros: number;
  readonly lateMicros: number;
}

/** Computes the events of one marketplace. */
export class Engine {
  readonly arrivals: Arrivals;
  readonly population: PopulationEvents;
  readonly journey: Journey;
  readonly events: JourneyEvents;

  constructor(readonly marketplace: Marketplace) {
    const producers = new Producers(marketplace.seed, marketplace.scenario);
    this.arrivals = new Arrivals(marketplace);
    this.population = new PopulationEvents(marketplace, producers);
    this.journey = new Journey(marketplace, this.arrivals);
    this.events = new JourneyEvents(marketplace, producers);
  }

  /** A step of a session that occurs at this time. */
  step(startMs: number, lengthMs: number, session: number, step: number, micros: number): TakenStep {
    const { journey, events } = this;
    journey.load(startMs, lengthMs, session);
    const { orderStep, lateMicros } = journey;
    if (step < orderStep || !journey.wantsOrder) {
      const event = events.eventOf(journey, step, micros, 0);
      return { event, nextMicros: journey.visitTimeAfter(step, micros), lateMicros };
    }
    const placedMicros = step === orderStep ? micros : journey.placedMicros();
    journey.loadOutcome(placedMicros);
    const event = events.eventOf(journey, step, micros, placedMicros);
    const { outcome } = journey;
    const next = step - orderStep + 1;
    return { event, nextMicros: next < outcome.count ? outcome.timeOf(next) : NO_TIME, lateMicros };
  }
}

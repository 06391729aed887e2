const FIRST_CAPACITY = 1_024;
const ARITY = 4;

/** A step of a journey that is due. */
export interface Due {
  readonly emittedMicros: number;
  readonly occurredMicros: number;
  /** Index of the engine that computes the journey. */
  readonly engine: number;
  readonly startMs: number;
  readonly lengthMs: number;
  readonly session: number;
  readonly step: number;
}

/**
 * Steps that are due, by the time at which they are emitted; those of the same time by cell, session and step, so the
 * order does not depend on how the queue was filled. Takes 48 bytes for each.
 *
 * Hot: one replacement for each event.
 */
export class TimeQueue {
  size = 0;
  private capacity = FIRST_CAPACITY;
  /** The heap, with 4 children each: time and slot. */
  private times = new Float64Array(FIRST_CAPACITY);
  private slots = new Int32Array(FIRST_CAPACITY);
  /** By slot. */
  private occurred = new Float64Array(FIRST_CAPACITY);
  private starts = new Float64Array(FIRST_CAPACITY);
  private lengths = new Int32Array(FIRST_CAPACITY);
  private sessions = new Int32Array(FIRST_CAPACITY);
  private steps = new Uint8Array(FIRST_CAPACITY);
  private engines = new Uint8Array(FIRST_CAPACITY);

  constructor() {
    for (let slot = 0; slot < this.capacity; slot++) this.slots[slot] = slot;
  }

  /** When the first one is emitted; Infinity if there is none. */
  get firstMicros(): number {
    return this.size === 0 ? Infinity : (this.times[0] as number);
  }

  /** The first one. The queue must not be empty. */
  get first(): Due {
    return this.dueAt(0);
  }

  add(due: Due): void {
    if (this.size === this.capacity) this.grow();
    const slot = this.slots[this.size] as number;
    this.occurred[slot] = due.occurredMicros;
    this.starts[slot] = due.startMs;
    this.lengths[slot] = due.lengthMs;
    this.sessions[slot] = due.session;
    this.steps[slot] = due.step;
    this.engines[slot] = due.engine;
    this.rise(this.size++, due.emittedMicros, slot);
  }

  /** Replaces the first one by the next step of the same journey. */
  replaceFirst(emittedMicros: number, occurredMicros: number): void {
    const slot = this.slots[0] as number;
    this.occurred[slot] = occurredMicros;
    this.steps[slot] = (this.steps[slot] as number) + 1;
    this.sink(emittedMicros, slot);
  }

  removeFirst(): void {
    const free = this.slots[0] as number;
    const last = --this.size;
    const slot = this.slots[last] as number;
    const time = this.times[last] as number;
    this.slots[last] = free;
    if (last > 0) this.sink(time, slot);
  }

  /** All of them, in no order. */
  *entries(): Generator<Due> {
    for (let place = 0; place < this.size; place++) yield this.dueAt(place);
  }

  private dueAt(place: number): Due {
    const slot = this.slots[place] as number;
    return {
      emittedMicros: this.times[place] as number,
      occurredMicros: this.occurred[slot] as number,
      engine: this.engines[slot] as number,
      startMs: this.starts[slot] as number,
      lengthMs: this.lengths[slot] as number,
      session: this.sessions[slot] as number,
      step: this.steps[slot] as number,
    };
  }

  private isBefore(time: number, slot: number, otherTime: number, other: number): boolean {
    if (time !== otherTime) return time < otherTime;
    const start = (this.starts[slot] as number) - (this.starts[other] as number);
    if (start !== 0) return start < 0;
    return (this.sessions[slot] as number) < (this.sessions[other] as number);
  }

  private rise(from: number, time: number, slot: number): void {
    const { times, slots } = this;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      const parentTime = times[parent] as number;
      const parentSlot = slots[parent] as number;
      if (!this.isBefore(time, slot, parentTime, parentSlot)) break;
      times[place] = parentTime;
      slots[place] = parentSlot;
      place = parent;
    }
    times[place] = time;
    slots[place] = slot;
  }

  private sink(time: number, slot: number): void {
    const { times, slots, size } = this;
    let place = 0;
    for (;;) {
      const firstChild = place * ARITY + 1;
      if (firstChild >= size) break;
      const end = Math.min(firstChild + ARITY, size);
      let child = firstChild;
      for (let other = firstChild + 1; other < end; other++) {
        const isEarlier = this.isBefore(
          times[other] as number,
          slots[other] as number,
          times[child] as number,
          slots[child] as number,
        );
        if (isEarlier) child = other;
      }
      if (!this.isBefore(times[child] as number, slots[child] as number, time, slot)) break;
      times[place] = times[child] as number;
      slots[place] = slots[child] as number;
      place = child;
    }
    times[place] = time;
    slots[place] = slot;
  }

  private grow(): void {
    const capacity = 2 * this.capacity;
    const grown = <T extends Float64Array | Int32Array | Uint8Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.times = grown(this.times, new Float64Array(capacity));
    this.occurred = grown(this.occurred, new Float64Array(capacity));
    this.starts = grown(this.starts, new Float64Array(capacity));
    this.lengths = grown(this.lengths, new Int32Array(capacity));
    this.sessions = grown(this.sessions, new Int32Array(capacity));
    this.steps = grown(this.steps, new Uint8Array(capacity));
    this.engines = grown(this.engines, new Uint8Array(capacity));
    this.slots = grown(this.slots, new Int32Array(capacity));
    for (let slot = this.capacity; slot < capacity; slot++) this.slots[slot] = slot;
    this.capacity = capacity;
  }
}

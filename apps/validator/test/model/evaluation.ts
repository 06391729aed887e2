/**
 * Records and rules, as small as they can be and still need each kind of state:
 *
 * `a`, `b`, `c` events by their identity: accepted, or skipped when the identity was accepted before (the event-id window);
 * `1` places an order, `2` pays it: rejected unless the order is where it must be; `x` is rejected always; `?` places an order if what it refers to is known already: the same record
 * may be evaluated differently by another instance.
 */
export type Outcome = 'accepted' | 'skipped' | 'rejected';

/** What an instance remembers. */
export interface Memory {
  /** Identities seen: bit 0 is `a`. */
  readonly events: number;
  /** The order: 0 unknown, 1 placed, 2 paid. */
  readonly order: number;
  /** Records counted: the sum of the accounting. */
  readonly counted: number;
}

export const NOTHING: Memory = { events: 0, order: 0, counted: 0 };

/** What a batch does to what is remembered. To be folded into it once. */
export interface Changes {
  /** Identities that are new. */
  readonly events: number;
  /** The order as it is now; undefined: as it was. */
  readonly order: number | undefined;
  /** Records of the batch. */
  readonly counted: number;
}

export const changesFrom = (before: Memory, after: Memory): Changes => ({
  events: after.events & ~before.events,
  order: after.order === before.order ? undefined : after.order,
  counted: after.counted - before.counted,
});

export const fold = ({ events, order, counted }: Memory, changes: Changes): Memory => ({
  events: events | changes.events,
  order: changes.order ?? order,
  counted: counted + changes.counted,
});

export const isSame = (one: Memory, other: Memory): boolean =>
  one.events === other.events && one.order === other.order && one.counted === other.counted;

/** What may become of a record, evaluated by `memory`. */
export function verdicts(record: string, memory: Memory): readonly Outcome[] {
  switch (record) {
    case '1':
      return memory.order === 0 ? ['accepted'] : ['rejected'];
    case '2':
      return memory.order === 1 ? ['accepted'] : ['rejected'];
    case '?':
      return memory.order === 0 ? ['accepted', 'rejected'] : ['rejected'];
    case 'x':
      return ['rejected'];
    default:
      return (memory.events & eventOf(record)) === 0 ? ['accepted'] : ['skipped'];
  }
}

/** What is remembered of a record, with what became of it. */
export function remember(memory: Memory, record: string, outcome: Outcome): Memory {
  const { events, order, counted } = memory;
  if (outcome !== 'accepted') return { events, order, counted: counted + 1 };
  switch (record) {
    case '1':
    case '?':
      return { events, order: 1, counted: counted + 1 };
    case '2':
      return { events, order: 2, counted: counted + 1 };
    default:
      return { events: events | eventOf(record), order, counted: counted + 1 };
  }
}

const eventOf = (record: string): number => 1 << (record.charCodeAt(0) - 97);

/** A way to evaluate a batch. */
export interface Evaluated {
  readonly outcomes: readonly Outcome[];
  readonly memory: Memory;
}

/** Every way to evaluate the records of a batch, one after the other. */
export function evaluate(records: string, memory: Memory): readonly Evaluated[] {
  let ways: readonly Evaluated[] = [{ outcomes: [], memory }];
  for (const record of records) {
    ways = ways.flatMap((way) =>
      verdicts(record, way.memory).map((outcome): Evaluated => {
        return { outcomes: [...way.outcomes, outcome], memory: remember(way.memory, record, outcome) };
      }),
    );
  }
  return ways;
}

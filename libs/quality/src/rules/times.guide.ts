import { example, type RuleGuide } from '../guide/rule-guide';
import { qualitySettings } from '../settings';

const { maxAheadMs, maxLateMs, maxAgeMs } = qualitySettings();
const DAY_MS = 86_400_000;
const ALWAYS = 'Always: the verdict depends on the times of the record and on its append time.';
const session = (occurred_at: string) => example('session.started', { occurred_at });

export const TIME_GUIDES = {
  'time.in_future': {
    examples: {
      fires: {
        what: 'The clock of the producer is 5 minutes and 1 ms ahead',
        records: [session('2026-01-02T12:05:00.001Z')],
      },
      nearMiss: { what: 'Exactly 5 minutes ahead', records: [session('2026-01-02T12:05:00.000Z')] },
    },
    whatToDo: 'Set the clock of the producer (NTP), or correct its time zone: times are UTC.',
    replay: 'Helps once that time has come, because the record gets a new append time.',
    certain: `${ALWAYS} The limit is \`RULE_MAX_AHEAD_MS\`, by default ${maxAheadMs / 60_000} minutes.`,
  },
  'time.too_late': {
    examples: {
      fires: { what: 'A device was offline for 7 days and 1 ms', records: [session('2025-12-26T11:59:59.999Z')] },
      nearMiss: { what: 'Exactly 7 days', records: [session('2025-12-26T12:00:00.000Z')] },
    },
    whatToDo:
      'Nothing, if devices are offline for long. Reports that were closed meanwhile lack the event: filter `quality_flags`, ' +
      'or build them again. Many at once are a producer that catches up.',
    replay: 'Is not needed: the record was accepted.',
    certain: `${ALWAYS} The limit is \`RULE_MAX_LATE_MS\`, by default ${maxLateMs / DAY_MS} days.`,
  },
  'time.too_old': {
    examples: {
      fires: { what: 'History, one millisecond older than 1,800 days', records: [session('2021-01-28T11:59:59.999Z')] },
      nearMiss: {
        what: 'Exactly 1,800 days old: accepted, and late',
        records: [session('2021-01-28T12:00:00.000Z')],
      },
    },
    whatToDo: 'Load history in batches. If the time is wrong (1970 is a missing value), fix the producer.',
    replay: 'Does not help: the record only gets older.',
    certain: `${ALWAYS} The limit is ${(maxAgeMs / DAY_MS).toLocaleString('en-US')} days and has no setting: BigQuery demands it.`,
  },
  'time.before_registration': {
    examples: {
      fires: {
        what: 'An order 1 ms before its customer registered',
        records: [
          example('order.placed', {
            order_placed_at: '2026-01-02T11:59:58.999Z',
            customer_registered_at: '2026-01-02T11:59:59.000Z',
          }),
        ],
      },
      nearMiss: {
        what: 'Registered with the order, at the same time',
        records: [
          example('order.placed', {
            order_placed_at: '2026-01-02T11:59:59.000Z',
            customer_registered_at: '2026-01-02T11:59:59.000Z',
          }),
        ],
      },
    },
    whatToDo:
      'Correct the producer. The registration counts after drift.customer has repaired it: if the first order of the ' +
      'customer had a wrong one, all others are compared with that.',
    replay: 'Does not help, unless the registration that it was compared with has been forgotten meanwhile.',
    certain: 'As certain as drift.customer: the first registration is remembered by its bounds.',
  },
} as const satisfies Record<string, RuleGuide>;

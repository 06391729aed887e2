/** What happens to a record when a rule fires. */
export const RULE_ACTIONS = ['reject', 'repair', 'flag', 'skip', 'off'] as const;
export type RuleAction = (typeof RULE_ACTIONS)[number];

interface RuleSpec {
  readonly action: RuleAction;
  readonly description: string;
}

/** Every quality rule by code, in the order in which they are evaluated, with its default action. */
export const RULES = {
  'structure.malformed_json': {
    action: 'reject',
    description: 'The value is missing, not valid UTF-8, or not one JSON object.',
  },
  'structure.unknown_type': {
    action: 'reject',
    description: 'No contract has this event type in this topic, or not in this version.',
  },
  'structure.invalid_field': {
    action: 'reject',
    description: 'A field is missing, unknown, or breaks its constraint.',
  },
  'structure.too_large': { action: 'reject', description: 'The value is larger than 1 MiB.' },
  'structure.key_mismatch': {
    action: 'reject',
    description:
      'The key is missing, is not the field the contract names, or lies in another partition than its hash says.',
  },
  'structure.envelope_mismatch': {
    action: 'reject',
    description: 'A required CloudEvents attribute is missing, or disagrees with the body.',
  },
  'time.in_future': { action: 'reject', description: 'The event occurred more than 5 minutes after it was appended.' },
  'time.too_late': { action: 'flag', description: 'The event occurred more than 7 days before it was appended.' },
  'time.before_registration': {
    action: 'reject',
    description: 'The order was placed before its customer registered (after drift repair).',
  },
  'duplicate.event': { action: 'skip', description: 'This event (source, id) was accepted before: a redelivery.' },
  'duplicate.order': {
    action: 'reject',
    description: 'Another order of the same customer, vendor and time was accepted; the first stays.',
  },
  'reference.unknown_vendor': { action: 'reject', description: 'The catalog has not told of this vendor.' },
  'reference.unknown_product': { action: 'reject', description: 'The catalog has not told of this product.' },
  'drift.vendor': {
    action: 'repair',
    description: "The vendor's name, address or vertical differ from the catalog's version at the time of the event.",
  },
  'drift.product': {
    action: 'repair',
    description: "The item's name differs from the catalog's version at the time of the event.",
  },
  'drift.customer': {
    action: 'repair',
    description: 'customer_registered_at differs from the first one seen for the customer.',
  },
  'lifecycle.illegal_transition': { action: 'reject', description: "The order's state does not allow this event." },
  'lifecycle.unknown_order': { action: 'reject', description: 'No order of this id was placed before.' },
  'internal.rule_failed': { action: 'reject', description: 'A rule threw on this record three times, alone.' },
} as const satisfies Record<string, RuleSpec>;

export type RuleCode = keyof typeof RULES;
export const RULE_CODES = Object.keys(RULES) as readonly RuleCode[];

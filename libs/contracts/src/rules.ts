/** What happens to a record when a rule fires. */
export const RULE_ACTIONS = ['reject', 'repair', 'flag', 'skip', 'off'] as const;
export type RuleAction = (typeof RULE_ACTIONS)[number];

interface RuleSpec {
  readonly action: RuleAction;
  readonly description: string;
}

/** All quality rules by code, with their default actions. Their order is the order of a record's reasons and flags. */
export const RULES = {
  'structure.malformed_json': {
    action: 'reject',
    description: 'The value is missing, is not valid UTF-8, contains a lone surrogate, or is not one JSON object.',
  },
  'structure.unknown_type': {
    action: 'reject',
    description: 'The family of the topic has no event of this type and version.',
  },
  'structure.invalid_field': {
    action: 'reject',
    description: 'A field is missing, is unknown, or violates its constraint.',
  },
  'structure.too_large': { action: 'reject', description: 'Key, value and headers together are larger than 1 MiB.' },
  'structure.key_mismatch': {
    action: 'reject',
    description:
      'The key is missing, differs from the key field of the contract, or the record is not in the partition of its ' +
      'key (murmur2).',
  },
  'structure.envelope_mismatch': {
    action: 'reject',
    description: 'A required CloudEvents attribute is missing, or an attribute differs from the body.',
  },
  'time.in_future': {
    action: 'reject',
    description: 'occurred_at is more than 5 minutes after the append time of the record.',
  },
  'time.too_late': {
    action: 'flag',
    description: 'occurred_at is more than 7 days before the append time of the record.',
  },
  'time.before_registration': {
    action: 'reject',
    description: 'order_placed_at is before customer_registered_at. Evaluated after the repair by drift.customer.',
  },
  'duplicate.event': {
    action: 'skip',
    description: 'An event with the same source and id was accepted before: the record is a redelivery.',
  },
  'duplicate.order': {
    action: 'reject',
    description: 'Another order with the same customer_id, vendor_id and order_placed_at was accepted before.',
  },
  'reference.unknown_vendor': { action: 'reject', description: 'The catalog does not contain the vendor.' },
  'reference.unknown_product': { action: 'reject', description: 'The catalog does not contain the product.' },
  'drift.vendor': {
    action: 'repair',
    description: "The vendor's name, address or vertical differs from the catalog's version at occurred_at.",
  },
  'drift.product': {
    action: 'repair',
    description: "The item's name differs from the catalog's version at occurred_at.",
  },
  'drift.customer': {
    action: 'repair',
    description: 'customer_registered_at differs from the first one that was accepted for the customer.',
  },
  'lifecycle.illegal_transition': {
    action: 'reject',
    description: "The event may not follow the order's last accepted event.",
  },
  'lifecycle.unknown_order': {
    action: 'reject',
    description: 'No order.placed with this order_id was accepted before.',
  },
  'internal.rule_failed': {
    action: 'reject',
    description: 'A rule failed with an error in three attempts to evaluate the record.',
  },
} as const satisfies Record<string, RuleSpec>;

export type RuleCode = keyof typeof RULES;
export const RULE_CODES = Object.keys(RULES) as readonly RuleCode[];

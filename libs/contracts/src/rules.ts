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
    description:
      'The value is missing, is not valid UTF-8, contains a lone surrogate, is not one JSON object, or has an object in ' +
      'which a name stands twice.',
  },
  'structure.unknown_type': {
    action: 'reject',
    description: 'The family of the topic has no event of this type and version.',
  },
  'structure.invalid_field': {
    action: 'reject',
    description:
      'A field is missing, is unknown, or violates its constraint. A number that is not written as its type has it, such ' +
      'as `2e0` or `2.0` for an integer, violates it.',
  },
  'structure.too_large': {
    action: 'reject',
    description:
      'Key, value and headers together are larger than 1 MiB, or the headers together are larger than 64 KiB.',
  },
  'structure.key_mismatch': {
    action: 'reject',
    description:
      'The key is missing, differs from the key field of the contract, or the record is not in the partition of its ' +
      'key (murmur2).',
  },
  'structure.envelope_mismatch': {
    action: 'reject',
    description:
      'A required CloudEvents attribute is missing or repeated, an attribute differs from the body, or ce_source is not a ' +
      'URI reference (RFC 3986) of at most 1,024 bytes.',
  },
  'time.in_future': {
    action: 'reject',
    description:
      'occurred_at, order_placed_at or customer_registered_at is more than 5 minutes after the append time of the record. ' +
      'customer_registered_at of an order is evaluated after the repair by drift.customer.',
  },
  'time.too_late': {
    action: 'flag',
    description: 'occurred_at is more than 7 days before the append time of the record.',
  },
  'time.too_old': {
    action: 'reject',
    description:
      'occurred_at is more than 1,800 days before the append time of the record. BigQuery takes no streamed row that is ' +
      'older than 1,825 days. The action can be reject or skip.',
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
    description:
      'customer_registered_at differs from the first one that was accepted for the customer. If the first one may have ' +
      'been forgotten, the record is flagged.',
  },
  'lifecycle.illegal_transition': {
    action: 'reject',
    description:
      "The event may not follow the order's last accepted event. If earlier events may have been forgotten, the record is " +
      'flagged.',
  },
  'lifecycle.unknown_order': {
    action: 'reject',
    description:
      'No order.placed with this order_id was accepted before. If it may have been forgotten, the record is flagged.',
  },
  'internal.rule_failed': {
    action: 'reject',
    description: 'A rule failed with an error in three attempts to evaluate the record.',
  },
} as const satisfies Record<string, RuleSpec>;

export type RuleCode = keyof typeof RULES;
export const RULE_CODES = Object.keys(RULES) as readonly RuleCode[];

/** The reason of a dead letter that holds a whole record batch. No rule: its records have no verdict. */
export const UNREADABLE_BATCH = 'structure.unreadable_batch';

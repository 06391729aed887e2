/** Every error code of the system, in one place: what an operator searches a runbook for. */
export const ERROR_CODES = [
  'CONFIG_INVALID',
  'TOPIC_MISMATCH',
  'TOPIC_MISSING',
  'TRANSACTION_FAILED',
  'PRODUCER_FENCED',
  'RECORD_TOO_LARGE',
  'READ_TIMEOUT',
  'STATE_UNREADABLE',
  'CATALOG_TIMEOUT',
  'RULE_FAILED',
  'STREAM_GONE',
  'APPEND_FAILED',
  'ROWS_REFUSED',
  'ROW_NOT_ENCODABLE',
  'SCHEMA_BEHIND',
  'RECOVERY_AMBIGUOUS',
  'TABLE_MISMATCH',
  'PUBLISH_FAILED',
  'SUBSCRIPTION_MISMATCH',
  'LEDGER_UNREADABLE',
  'DEADLINE_EXCEEDED',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

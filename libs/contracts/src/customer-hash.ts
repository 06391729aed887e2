import { hash } from 'node:crypto';

const DIGITS = 16;

/**
 * What stands for a customer where the id must not be stored: in the audit, in receipts, in queries, and in what services ask
 * each other about an erasure. 16 hex digits of a SHA-256.
 */
export const customerHash = (customerId: string): string => hash('sha256', customerId).slice(0, DIGITS);

/** The hash of a customer, as `customerHash` makes it. */
export const CUSTOMER_HASH = /^[0-9a-f]{16}$/;

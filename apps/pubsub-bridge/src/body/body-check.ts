import { isUtf8 } from 'node:buffer';

import { type Column, timestampMicros } from '@orderstream/contracts';
import type { DeadLetterReason } from '@orderstream/dead-letters';

type ValueCheck = (value: unknown) => boolean;

/** NUMERIC: 38 digits, 9 of them after the point. */
const NUMERIC = /^-?\d{1,29}(\.\d{1,9})?$/;

const VALUE_CHECKS: Readonly<Record<Column['type'], { readonly check: ValueCheck; readonly constraint: string }>> = {
  STRING: { check: (value) => typeof value === 'string', constraint: 'isString' },
  INT64: { check: Number.isSafeInteger, constraint: 'isInt' },
  NUMERIC: { check: (value) => typeof value === 'string' && NUMERIC.test(value), constraint: 'isDecimalString' },
  TIMESTAMP: {
    check: (value) => typeof value === 'string' && !Number.isNaN(timestampMicros(value)),
    constraint: 'isTimestamp',
  },
  BOOL: { check: (value) => typeof value === 'boolean', constraint: 'isBoolean' },
  BYTES: { check: (value) => typeof value === 'string', constraint: 'isString' },
};

/** Most problems reported for one body. */
const MAX_REASONS = 20;

/**
 * Checks that a body fits the table of the BigQuery subscription. Pub/Sub would deliver a message that does not fit again
 * and again, and then move it to the subscription's dead-letter topic. The bridge dead-letters its record instead.
 *
 * Hot: parses each body once and visits each of its fields once.
 */
export class BodyCheck {
  private readonly checks: ReadonlyMap<string, { readonly check: ValueCheck; readonly constraint: string }>;

  /** @param columns the columns that a body may fill, all of them nullable */
  constructor(columns: readonly Column[]) {
    this.checks = new Map(columns.map(({ name, type }) => [name, VALUE_CHECKS[type]]));
  }

  /** What is wrong with the body; undefined when it fits the table. */
  problems(body: Buffer | null): readonly DeadLetterReason[] | undefined {
    if (body === null) return [{ code: 'structure.malformed_json', constraint: 'isPresent' }];
    if (!isUtf8(body)) return [{ code: 'structure.malformed_json', constraint: 'isUtf8' }];
    const text = body.toString();
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return [{ code: 'structure.malformed_json', constraint: 'isJson' }];
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      return [{ code: 'structure.malformed_json', constraint: 'isObject' }];
    }
    return this.fieldProblems(parsed as Record<string, unknown>, text.includes('\\ud') || text.includes('\\uD'));
  }

  /** @param escapes the text escapes surrogates; in valid UTF-8, only an escape can put a lone one into a string */
  private fieldProblems(body: Record<string, unknown>, escapes: boolean): readonly DeadLetterReason[] | undefined {
    let reasons: DeadLetterReason[] | undefined;
    for (const path of Object.keys(body)) {
      const constraint = this.violated(path, body[path], escapes);
      if (constraint === undefined) continue;
      reasons ??= [];
      reasons.push({ code: 'structure.invalid_field', path, constraint });
      if (reasons.length === MAX_REASONS) break;
    }
    return reasons;
  }

  private violated(path: string, value: unknown, escapes: boolean): string | undefined {
    const known = this.checks.get(path);
    if (known === undefined) return 'isKnownField';
    if (value === null) return undefined;
    if (!known.check(value)) return known.constraint;
    return escapes && typeof value === 'string' && /\p{Surrogate}/u.test(value) ? 'isWellFormed' : undefined;
  }
}

import { applyDecorators, SetMetadata, type Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { type Request } from 'express';

/** How a command is audited. Without a decorator: before it runs, and without anything of its body. */
export interface AuditRule {
  /** The fields of the body that the audit has. */
  readonly fields: readonly string[];
  /** When the entry of a command with this body is stored. */
  readonly when: (body: unknown) => AuditTime;
  /** What the request changes. Without it: the service. */
  readonly subject?: ((request: Request) => string) | undefined;
}

/**
 * `before`: before the command runs; it is rejected when that is not possible. `with-change`: by the handler, together with
 * its change (`RuntimeSettings.change`). `after`: the command must be possible while Kafka does not answer.
 */
export type AuditTime = 'before' | 'with-change' | 'after';

const AUDIT_RULE = Symbol('audit rule');
const MAX_TEXT = 200;

const DEFAULT_RULE: AuditRule = { fields: [], when: () => 'before' };

/**
 * Declares how a command is audited.
 *
 * @param options.body the class of the body: of the request the audit has the fields that the class validates, if they are
 * numbers, booleans or texts of up to 200 characters. A class with a personal field must not be given.
 * @param options.fields in place of a class: the names of these fields
 */
export function Audited({
  body,
  fields = body === undefined ? [] : fieldsOf(body),
  when = DEFAULT_RULE.when,
  subject,
}: {
  readonly body?: Type<object>;
  readonly fields?: readonly string[];
  readonly when?: AuditRule['when'];
  readonly subject?: AuditRule['subject'];
}): MethodDecorator {
  return applyDecorators(SetMetadata(AUDIT_RULE, { when, fields, subject } satisfies AuditRule));
}

/** What a command has found out about its change: what it changes, and the state before and after. */
export interface AuditChange {
  readonly subject?: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

const CHANGE = Symbol('audited change');
type WithChange = Request & { [CHANGE]?: AuditChange };

/** Adds to the outcome of a command in the audit. The values must be without personal data. */
export function auditChange(request: Request, change: AuditChange): void {
  (request as WithChange)[CHANGE] = { ...changeOf(request), ...change };
}

export const changeOf = (request: Request): AuditChange | undefined => (request as WithChange)[CHANGE];

export const auditRuleOf = (handler: object): AuditRule =>
  (Reflect.getMetadata(AUDIT_RULE, handler) as AuditRule | undefined) ?? DEFAULT_RULE;

/** The declared fields of a body. Undefined if it has none of them. */
export function declaredOf(body: unknown, fields: readonly string[]): Record<string, unknown> | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const declared = Object.entries(body).filter(([name, value]) => fields.includes(name) && isPlain(value));
  return declared.length === 0 ? undefined : Object.fromEntries(declared);
}

const isPlain = (value: unknown): boolean =>
  typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= MAX_TEXT);

function fieldsOf(body: Type<object>): readonly string[] {
  const validations = getMetadataStorage().getTargetValidationMetadatas(body, '', false, false);
  return [...new Set(validations.map(({ propertyName }) => propertyName))];
}

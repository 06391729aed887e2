import { getMetadataStorage, type ValidationArguments, ValidationTypes, validateSync } from 'class-validator';
import type { EventContract } from './event';
import { EVENT_CONTRACTS } from './event-contracts';

/** Says whether a body meets its contract. */
export type Check = (body: Readonly<Record<string, unknown>>) => boolean;

type FieldCheck = (value: unknown) => boolean;

interface CompiledField {
  readonly required: boolean;
  readonly check: FieldCheck;
}

function compileField(contract: EventContract, name: string): CompiledField {
  const storage = getMetadataStorage();
  const tests: FieldCheck[] = [];
  let required = true;
  for (const metadata of storage.getTargetValidationMetadatas(contract.eventClass, '', false, false)) {
    if (metadata.propertyName !== name) continue;
    if (metadata.type === ValidationTypes.CONDITIONAL_VALIDATION) {
      required = false;
      continue;
    }
    const args: ValidationArguments = {
      value: undefined,
      object: {},
      targetName: contract.eventClass.name,
      property: name,
      constraints: metadata.constraints as unknown[],
    };
    for (const { instance } of storage.getTargetValidatorConstraints(metadata.constraintCls)) {
      tests.push((value) => instance.validate(value, args) === true);
    }
  }
  return { required, check: (value) => tests.every((test) => test(value)) };
}

function compile(contract: EventContract): Check {
  const fields = new Map(contract.columns.map(({ name }) => [name, compileField(contract, name)]));
  const requiredFields = [...fields.values()].filter(({ required }) => required).length;
  return (body) => {
    let present = 0;
    for (const name in body) {
      const field = fields.get(name);
      if (field === undefined) return false;
      const value = body[name];
      if (value === null || value === undefined) {
        if (field.required) return false;
        continue;
      }
      if (!field.check(value)) return false;
      if (field.required) present++;
    }
    return present === requiredFields;
  };
}

/**
 * One check per event type, compiled once from class-validator's metadata: the same constraint instances, called with
 * no allocation per body. `true` means valid. Agrees with `validateSync` (whitelist, forbidNonWhitelisted) and, unlike
 * it, also refuses unknown fields that are named like members of Object.prototype.
 */
export function compileChecks(): ReadonlyMap<string, Check> {
  return new Map([...EVENT_CONTRACTS.values()].map((contract) => [contract.type, compile(contract)]));
}

/** One thing that is wrong with a body. */
export interface Violation {
  /** Name of the field. */
  readonly path: string;
  /** Name of the constraint, such as `isDecimalString`. */
  readonly constraint: string;
  readonly message: string;
}

/** All that is wrong with a body of this type, in the order of the contract. Slow: for rejects only. */
export function explain(type: string, body: Readonly<Record<string, unknown>>): readonly Violation[] {
  const contract = EVENT_CONTRACTS.get(type);
  if (contract === undefined) {
    return [{ path: 'event_type', constraint: 'isKnownType', message: 'event_type must name a contract' }];
  }
  const { eventClass: EventClass, columns } = contract;
  const instance = new EventClass();
  const known = new Set(columns.map(({ name }) => name));
  for (const name of known) if (Object.hasOwn(body, name)) Object.assign(instance, { [name]: body[name] });
  const wrong = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true }).flatMap((error) =>
    Object.entries(error.constraints ?? {}).map(([constraint, message]) => ({
      path: error.property,
      constraint,
      message,
    })),
  );
  const unknown = Object.keys(body)
    .filter((name) => !known.has(name))
    .map((name) => ({
      path: name,
      constraint: 'whitelistValidation',
      message: `property ${name} should not exist`,
    }));
  return [...wrong, ...unknown];
}

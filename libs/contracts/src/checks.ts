import { getMetadataStorage, IS_OPTIONAL, type ValidationArguments, ValidationTypes } from 'class-validator';
import { EVENT_CONTRACTS } from './event-contracts';

/** Returns whether a body meets its contract. */
export type BodyCheck = (body: Readonly<Record<string, unknown>>) => boolean;

type ValueCheck = (value: unknown) => boolean;
type FieldMetadata = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

interface CompiledField {
  readonly required: boolean;
  /** Checks a value that is neither null nor undefined. */
  readonly check: ValueCheck;
}

/** Compiles one decorator. @throws TypeError if the compiled check would differ from `validateSync`. */
function compileConstraint(eventClass: new () => object, metadata: FieldMetadata): ValueCheck {
  const constraints = getMetadataStorage().getTargetValidatorConstraints(metadata.constraintCls);
  const [constraint] = constraints;
  if (
    metadata.type !== ValidationTypes.CUSTOM_VALIDATION ||
    metadata.each ||
    metadata.validateIf !== undefined ||
    (metadata.groups as string[] | undefined)?.length ||
    constraint === undefined ||
    constraints.length > 1 ||
    constraint.async
  ) {
    throw new TypeError(
      `${eventClass.name}.${metadata.propertyName}: the decorator ${metadata.name ?? metadata.type} cannot be compiled`,
    );
  }
  const { instance } = constraint;
  const args: ValidationArguments = {
    value: undefined,
    object: {},
    targetName: eventClass.name,
    property: metadata.propertyName,
    constraints: (metadata.constraints as unknown[] | undefined) ?? [],
  };
  return (value) => instance.validate(value, args) === true;
}

function allOf(checks: readonly ValueCheck[]): ValueCheck {
  const [only] = checks;
  if (only !== undefined && checks.length === 1) return only;
  return (value) => checks.every((check) => check(value));
}

function compileField(eventClass: new () => object, metadatas: readonly FieldMetadata[]): CompiledField {
  const conditions = metadatas.filter(({ type }) => type === ValidationTypes.CONDITIONAL_VALIDATION);
  const condition = conditions.find(({ name }) => name !== IS_OPTIONAL);
  if (condition !== undefined) {
    throw new TypeError(
      `${eventClass.name}.${condition.propertyName}: IsOptional is the only condition that can be compiled`,
    );
  }
  const checks = metadatas
    .filter(({ type }) => type !== ValidationTypes.CONDITIONAL_VALIDATION && type !== ValidationTypes.IS_DEFINED)
    .map((metadata) => compileConstraint(eventClass, metadata));
  return { required: conditions.length === 0, check: allOf(checks) };
}

/**
 * Compiles class-validator's metadata of one class into a function that calls the same constraint instances and
 * allocates nothing per body.
 * @throws TypeError if a decorator cannot be compiled: `each`, groups, `ValidateIf`, nested and asynchronous ones.
 */
export function compileCheck(eventClass: new () => object): BodyCheck {
  const metadatas = getMetadataStorage().getTargetValidationMetadatas(eventClass, '', false, false);
  const fields = new Map<string, CompiledField>();
  for (const name of new Set(metadatas.map(({ propertyName }) => propertyName))) {
    fields.set(
      name,
      compileField(
        eventClass,
        metadatas.filter(({ propertyName }) => propertyName === name),
      ),
    );
  }
  const requiredCount = [...fields.values()].filter(({ required }) => required).length;
  return (body) => {
    let missing = requiredCount;
    // A body from JSON.parse has only own properties, which may include `__proto__`.
    for (const name in body) {
      const field = fields.get(name);
      if (field === undefined) return false;
      const value = body[name];
      if (value === null || value === undefined) continue;
      if (!field.check(value)) return false;
      if (field.required) missing--;
    }
    return missing === 0;
  };
}

/**
 * Compiles one check per event type. Each agrees with `validateSync` under `whitelist` and `forbidNonWhitelisted`,
 * except that it rejects unknown fields with the name of a member of Object.prototype (`__proto__`, `constructor`),
 * which `validateSync` accepts.
 */
export function compileChecks(): ReadonlyMap<string, BodyCheck> {
  return new Map([...EVENT_CONTRACTS.values()].map(({ type, eventClass }) => [type, compileCheck(eventClass)]));
}

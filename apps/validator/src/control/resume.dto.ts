import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min, ValidateBy, ValidateIf } from 'class-validator';
import type { Suspension } from '../partitions/circuit-breaker';

const MAX_RECORDS = 1_000_000;
const MAX_MINUTES = 1_440;

/** `null` is not the same as nothing: it is rejected. */
const IfGiven = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);

const NotWith = (other: keyof ResumeDto): PropertyDecorator =>
  ValidateBy({
    name: 'notWith',
    validator: {
      validate: (_, args) => (args?.object as ResumeDto | undefined)?.[other] === undefined,
      defaultMessage: () => `give either $property or ${other}`,
    },
  });

/** How the validator goes on after the circuit breaker has stopped partitions. Nothing given: with the breaker. */
export class ResumeDto {
  @ApiPropertyOptional({
    description:
      'Goes on without the circuit breaker for this many records of each partition that this instance has. Then the breaker counts again, from an empty window.',
    type: 'integer',
    minimum: 1,
    maximum: MAX_RECORDS,
    example: 120_000,
  })
  @IfGiven()
  @IsInt()
  @Min(1)
  @Max(MAX_RECORDS)
  @NotWith('withoutBreakerMinutes')
  readonly withoutBreakerRecords?: number;

  @ApiPropertyOptional({
    description: 'The same for this many minutes. Give one of the two.',
    type: 'integer',
    minimum: 1,
    maximum: MAX_MINUTES,
    example: 30,
  })
  @IfGiven()
  @IsInt()
  @Min(1)
  @Max(MAX_MINUTES)
  readonly withoutBreakerMinutes?: number;
}

export function suspensionOf({ withoutBreakerRecords, withoutBreakerMinutes }: ResumeDto): Suspension | undefined {
  if (withoutBreakerRecords !== undefined) return { records: withoutBreakerRecords };
  return withoutBreakerMinutes === undefined ? undefined : { minutes: withoutBreakerMinutes };
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min, ValidateBy, ValidateIf } from 'class-validator';
import { MAX_DURATION_MS, parseDuration } from './duration';

const MAX_LEASE_SECONDS = 600;

/** The body of `POST /admin/pause`. */
export class PauseRequest {
  @ApiPropertyOptional({
    description:
      'How long every instance of the service stays paused, over restarts: a number with `s`, `m`, `h` or `d`, 7 days at ' +
      'most. Without it, and without `seconds`, until POST /admin/resume.',
    example: '10m',
  })
  @ValidateIf(({ for: duration }: PauseRequest) => duration !== undefined)
  @ValidateBy({
    name: 'isDuration',
    validator: {
      validate: (value) => typeof value === 'string' && parseDuration(value) !== undefined,
      defaultMessage: () =>
        `$property must be a duration such as 30s, 10m, 2h, 1d, up to ${String(MAX_DURATION_MS / 86_400_000)}d`,
    },
  })
  @ValidateBy({
    name: 'notWithSeconds',
    validator: {
      validate: (_, args) => (args?.object as PauseRequest | undefined)?.seconds === undefined,
      defaultMessage: () => 'give either for or seconds',
    },
  })
  readonly for?: string;

  @ApiPropertyOptional({
    description:
      'Pauses only the instance that is asked, for this time, and is possible while Kafka does not answer. It does not ' +
      'survive a restart: a program that pauses a service and dies leaves no service paused.',
    type: 'integer',
    minimum: 1,
    maximum: MAX_LEASE_SECONDS,
    example: 60,
  })
  @ValidateIf(({ seconds }: PauseRequest) => seconds !== undefined)
  @IsInt()
  @Min(1)
  @Max(MAX_LEASE_SECONDS)
  readonly seconds?: number;
}

/** The pause of a service. */
export class PauseDto {
  @ApiProperty({ description: 'Whether the instance is paused.' })
  readonly paused: boolean;

  @ApiPropertyOptional({ enum: ['service', 'instance'], description: 'What is paused: all instances, or this one.' })
  readonly scope?: string;

  @ApiPropertyOptional({ description: 'The name of the token.', example: 'ann' })
  readonly by?: string;

  @ApiPropertyOptional({ format: 'date-time' })
  readonly since?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When it ends by itself. Absent: with POST /admin/resume.' })
  readonly until?: string;
}

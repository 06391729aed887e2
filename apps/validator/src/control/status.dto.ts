import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** Documents `/admin/status` of the validator. */
export class ValidatorPartitionDto {
  @ApiProperty({ example: 'marketplace.orders.raw.v1' })
  readonly topic: string;

  @ApiProperty({ type: 'integer', example: 3 })
  readonly partition: number;

  @ApiProperty({ enum: ['opening', 'running', 'paused', 'retrying', 'stopped', 'draining'] })
  readonly state: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Next offset to evaluate.' })
  readonly nextOffset?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'Records that are not settled.' })
  readonly lag?: number;

  @ApiPropertyOptional({ description: 'Why the partition is retrying or stopped, and which command leads on.' })
  readonly error?: string;

  @ApiPropertyOptional({
    description: 'What is left of a resume without the circuit breaker: `recordsLeft` or `secondsLeft`.',
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { recordsLeft: 118_500 },
  })
  readonly withoutBreaker?: Readonly<Record<string, number>>;
}

export class ValidatorStatusDto {
  @ApiProperty({ description: 'The version of the rule settings.' })
  readonly settingsVersion: string;

  @ApiProperty({
    description:
      'What the verdicts depend on, by the names of the settings: `RULE_ACTIONS.<code>` is the action of a rule as it is ' +
      'in force. The console compares its own with it.',
    type: 'object',
    additionalProperties: { oneOf: [{ type: 'string' }, { type: 'number' }] },
    example: { 'RULE_ACTIONS.time.too_late': 'flag', RULE_MAX_LATE_MS: 604_800_000, STATE_MAX_EVENTS: 1_000_000 },
  })
  readonly evaluatesBy: object;

  @ApiProperty({
    description: 'Committed counters of the assigned partitions by family, since the beginning of each partition.',
    type: 'object',
    additionalProperties: { type: 'object', additionalProperties: true },
  })
  readonly accounting: object;

  @ApiProperty({
    description: 'The shortest time span that the state covers, in milliseconds, by family and kind.',
    type: 'object',
    additionalProperties: { type: 'object', additionalProperties: { type: 'number' } },
  })
  readonly effectiveWindows: object;

  @ApiProperty({
    description: 'The consumer groups and their states.',
    type: 'array',
    items: { type: 'object', additionalProperties: { type: 'string' } },
  })
  readonly groups: readonly object[];

  @ApiProperty({ type: [ValidatorPartitionDto] })
  readonly partitions: readonly ValidatorPartitionDto[];
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { RULE_ACTIONS, RULE_CODES, type RuleAction, type RuleCode } from '@orderstream/contracts';
import { IsIn, IsInt, IsNumber, Max, Min, ValidateIf } from 'class-validator';
import { MAX_WINDOW_RECORDS, type SettingSource } from '../rules/run-time-rules';

const SOURCES = ['default', 'environment', 'operator'] as const satisfies readonly SettingSource[];

class ChangedDto {
  @ApiProperty({
    enum: SOURCES,
    description: 'Where it comes from. What an operator has set overrides the environment, in every instance.',
  })
  readonly source: SettingSource;

  @ApiProperty({ type: 'integer', description: 'The ETag of the resource; 0: never changed at run time.', example: 12 })
  readonly revision: number;

  @ApiPropertyOptional({ description: 'Who has changed it last: the name of the token.', example: 'ann' })
  readonly changedBy?: string;

  @ApiPropertyOptional({ format: 'date-time' })
  readonly changedAt?: string;
}

/** A quality rule. */
export class RuleDto extends ChangedDto {
  @ApiProperty({ enum: RULE_CODES, example: 'time.too_late' })
  readonly code: RuleCode;

  @ApiProperty({ description: 'When the rule fires.' })
  readonly description: string;

  @ApiProperty({ enum: RULE_ACTIONS, description: 'What happens to a record on which it fires.', example: 'flag' })
  readonly action: RuleAction;

  @ApiProperty({ enum: RULE_ACTIONS, example: 'flag' })
  readonly defaultAction: RuleAction;

  @ApiProperty({ enum: RULE_ACTIONS, isArray: true, example: ['reject', 'flag', 'skip', 'off'] })
  readonly allowedActions: readonly RuleAction[];
}

/** A change of a rule. */
export class SetRuleDto {
  @ApiProperty({
    enum: RULE_ACTIONS,
    nullable: true,
    description: 'One of the allowed actions of the rule; null: back to what the environment or the default says.',
    example: 'reject',
  })
  @ValidateIf(({ action }: SetRuleDto) => action !== null)
  @IsIn(RULE_ACTIONS)
  readonly action: RuleAction | null;
}

/** The circuit breaker. */
export class BreakerDto extends ChangedDto {
  @ApiProperty({ type: 'integer', description: 'The last records of a partition that count; 0: off.', example: 1_000 })
  readonly windowRecords: number;

  @ApiProperty({ description: 'The share of rejects above which a partition stops.', example: 0.5 })
  readonly rejectShare: number;
}

/** A change of the circuit breaker. */
export class SetBreakerDto {
  @ApiProperty({ type: 'integer', minimum: 0, maximum: MAX_WINDOW_RECORDS, description: '0: off.', example: 5_000 })
  @IsInt()
  @Min(0)
  @Max(MAX_WINDOW_RECORDS)
  readonly windowRecords: number;

  @ApiProperty({ minimum: 0, maximum: 1, example: 0.3 })
  @IsNumber({ allowInfinity: false, allowNaN: false })
  @Min(0)
  @Max(1)
  readonly rejectShare: number;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { type Partition, PARTITIONS } from '../runs/run';

const DAY = /^\d{4}-\d\d-\d\d$/;
/** An id is a part of keys in the object store. */
const RUN_ID = /^(load|file)_[a-z0-9_]{1,60}$/;

/** What to load. */
export class StartRunDto {
  @ApiProperty({ description: 'First day (UTC).', example: '2026-01-01' })
  @Matches(DAY)
  readonly from: string;

  @ApiProperty({ description: 'Last day (UTC), which has ended.', example: '2026-01-31' })
  @Matches(DAY)
  readonly to: string;

  @ApiPropertyOptional({
    description: 'Orders expected in the range, in place of the rate of the history.',
    type: 'integer',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100_000_000)
  readonly rows?: number;

  @ApiPropertyOptional({ description: 'Name of the scenario of the history.', example: 'original' })
  @IsOptional()
  @IsString()
  @Matches(/^[a-z][a-z0-9-]{0,39}$/)
  readonly scenario?: string;

  @ApiPropertyOptional({
    description:
      'Time for which the runs are scheduled. It makes the command idempotent: a second one with the same time and days starts nothing. Left out: now.',
    example: '2026-02-01T02:00:00Z',
  })
  @IsOptional()
  @IsString()
  @MaxLength(40)
  readonly scheduledAt?: string;

  @ApiPropertyOptional({ description: 'Days of one run.', enum: PARTITIONS })
  @IsOptional()
  @IsIn(PARTITIONS)
  readonly partition?: Partition;
}

export class RunParameter {
  @ApiProperty({ example: 'load_20260201t020000z_20260101_20260131' })
  @Matches(RUN_ID)
  readonly id: string;
}

export class RunsQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 100 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  readonly limit?: number;
}

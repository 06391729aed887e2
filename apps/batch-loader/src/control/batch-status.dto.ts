import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

class RunningDto {
  @ApiProperty({ example: 'load_20260201t020000z_20260101_20260131' })
  readonly id: string;

  @ApiPropertyOptional({ example: 'quality_checks' })
  readonly block?: string;

  @ApiPropertyOptional({ description: 'Share of the block that is done, where it is known.', example: 0.4 })
  readonly done?: number;
}

class EndedDto {
  @ApiProperty({ example: 'load_20260201t020000z_20260101_20260131' })
  readonly id: string;

  @ApiProperty({ enum: ['succeeded', 'failed', 'cancelled', 'not started'] })
  readonly state: string;

  @ApiPropertyOptional()
  readonly error?: string;
}

/** Documents `/admin/status` of the batch loader. */
export class BatchStatusDto {
  @ApiProperty({ enum: ['idle', 'running'] })
  readonly state: string;

  @ApiPropertyOptional({ description: 'The run that this process carries out.' })
  readonly running?: RunningDto;

  @ApiProperty({ type: [String], description: 'The runs that this process carries out next, in their order.' })
  readonly waiting: readonly string[];

  @ApiPropertyOptional({ description: 'The run that ended last in this process.' })
  readonly last?: EndedDto;
}

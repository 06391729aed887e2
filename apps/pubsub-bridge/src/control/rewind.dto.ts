import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

import { RETRIED_ORDERS } from '../bridge-source';

/** From where a partition is published again. */
export class RewindDto {
  @ApiPropertyOptional({
    description: 'A topic that the bridge reads. Default: the validated topic.',
    example: RETRIED_ORDERS,
    maxLength: 249,
  })
  @IsOptional()
  @IsString()
  @MaxLength(249)
  readonly topic?: string;

  @ApiProperty({ type: 'integer', minimum: 0, example: 3 })
  @IsInt()
  @Min(0)
  @Max(9_999)
  readonly partition: number;

  @ApiProperty({
    description: 'The first offset to publish again. Not above the committed offset.',
    type: 'integer',
    minimum: 0,
    example: 118_500,
  })
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  readonly offset: number;
}

import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';

/** From where a partition is published again. */
export class RewindDto {
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

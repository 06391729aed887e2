import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';

/** The partition whose gaps are forgotten. */
export class DismissGapsDto {
  @ApiProperty({ type: 'integer', minimum: 0, example: 3 })
  @IsInt()
  @Min(0)
  @Max(9_999)
  readonly partition: number;
}

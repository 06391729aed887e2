import { ApiProperty } from '@nestjs/swagger';
import { IsNumber, Max, Min } from 'class-validator';
import { MAX_RATE } from '../emission/schedule';

/** A rate for the generator. */
export class SetRateDto {
  @ApiProperty({ description: 'Events per second; 0 is unthrottled.', minimum: 0, maximum: MAX_RATE })
  @IsNumber({ allowInfinity: false, allowNaN: false })
  @Min(0)
  @Max(MAX_RATE)
  readonly eventsPerSecond: number;
}

import { ApiProperty } from '@nestjs/swagger';
import { IsNumber, Max, Min } from 'class-validator';
import { MAX_RATE } from '../order-generator.config';

/** How fast events are to come. */
export class SetRateDto {
  @ApiProperty({ description: 'Events per second; 0 is as fast as it goes.', minimum: 0, maximum: MAX_RATE })
  @IsNumber({ allowInfinity: false, allowNaN: false })
  @Min(0)
  @Max(MAX_RATE)
  readonly eventsPerSecond: number;
}

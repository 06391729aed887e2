import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, Min } from 'class-validator';

/** Of `arrivals.maxOrders` in a scenario. */
export const MAX_ORDERS = 1_000_000_000;

/** A scenario that can be chosen by its name, or a file that has problems. */
export class ListedScenarioDto {
  @ApiProperty({ example: 'flash-sale' })
  readonly name: string;

  @ApiPropertyOptional({ description: 'What it shows. Absent if the file has problems.' })
  readonly description?: string;

  @ApiProperty({ example: 'libs/simulation/scenarios/flash-sale.yaml' })
  readonly file: string;

  @ApiPropertyOptional({
    description: 'What is wrong with the file: file, line, path, and what was expected.',
    type: [String],
  })
  readonly problems?: readonly string[];
}

export class SetScenarioDto {
  @ApiProperty({ description: 'One of `/admin/scenarios`.', example: 'flash-sale' })
  @IsString()
  readonly name: string;

  @ApiPropertyOptional({
    description: 'Orders after which the events end, in place of `arrivals.maxOrders` of the scenario. 0: no end.',
    type: 'integer',
    minimum: 0,
    maximum: MAX_ORDERS,
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_ORDERS)
  readonly maxOrders?: number;
}

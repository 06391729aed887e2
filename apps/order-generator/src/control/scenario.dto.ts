import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString } from 'class-validator';

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
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IndexDto } from './dead-letters/letter.dto';

class LetterStatusDto extends IndexDto {
  @ApiProperty({
    type: 'integer',
    description: 'Records in the dead-letter topics that are not readable as dead letters. No list has them.',
    example: 0,
  })
  readonly unreadable: number;

  @ApiPropertyOptional({ description: 'Why the topics could not be read to their ends.' })
  readonly error?: string;
}

/** Documents `/admin/status` of the console. */
export class ConsoleStatusDto {
  @ApiProperty({ enum: ['loading', 'running'] })
  readonly state: string;

  @ApiProperty()
  readonly letters: LetterStatusDto;
}

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

class ReplaysStatusDto {
  @ApiProperty({ description: 'Whether plans can be created and carried out.', example: true })
  readonly available: boolean;

  @ApiPropertyOptional({ description: 'Why not. It is retried.' })
  readonly error?: string;
}

class SubscriptionStatusDto {
  @ApiProperty({
    type: 'integer',
    description: 'Messages that are dead letters in Kafka now, since the start.',
    example: 3,
  })
  readonly stored: number;

  @ApiProperty({
    type: 'integer',
    description: 'Messages of other programs, as often as they were delivered. They stay in Pub/Sub.',
    example: 0,
  })
  readonly foreign: number;

  @ApiPropertyOptional({ description: 'Why messages could not be moved. They stay in Pub/Sub.' })
  readonly error?: string;
}

/** Documents `/admin/status` of the console. */
export class ConsoleStatusDto {
  @ApiProperty({ enum: ['loading', 'running'] })
  readonly state: string;

  @ApiProperty()
  readonly letters: LetterStatusDto;

  @ApiProperty()
  readonly replays: ReplaysStatusDto;

  @ApiPropertyOptional({
    description: 'With PUBSUB_DEAD_LETTER_SUBSCRIPTION: what the BigQuery subscription rejected.',
  })
  readonly subscription?: SubscriptionStatusDto;
}

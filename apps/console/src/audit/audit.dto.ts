import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { IsTime, PageQueryDto } from '../page-query.dto';

const TIME = '2026-03-01T12:00:00.000Z';

/** Which entries are meant. Every condition must hold. */
export class AuditQueryDto extends PageQueryDto {
  @ApiPropertyOptional({ description: 'Name of a token, or of who ran a command.', example: 'bob' })
  @IsOptional()
  @IsString()
  @MaxLength(128)
  readonly actor?: string;

  @ApiPropertyOptional({ description: 'Beginning of the action.', example: 'POST /admin/replays' })
  @IsOptional()
  @IsString()
  @MaxLength(1_024)
  readonly action?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'At this time or later.', example: '2026-03-01T00:00:00Z' })
  @IsOptional()
  @IsTime()
  readonly from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before this time.', example: '2026-03-02T00:00:00Z' })
  @IsOptional()
  @IsTime()
  readonly to?: string;
}

export class AuditEntryDto {
  @ApiProperty({ description: 'Offset of the entry in the topic.', example: '412' })
  readonly id: string;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly at: string;

  @ApiProperty({ example: 'bob' })
  readonly actor: string;

  @ApiProperty({ example: 'operator' })
  readonly role: string;

  @ApiProperty({ example: 'POST /admin/pause' })
  readonly action: string;

  @ApiPropertyOptional({ description: 'What was changed.', example: 'pause.validator' })
  readonly subject?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'What it was before; null: nothing that differs from the default.',
  })
  readonly before?: unknown;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'What it is since then; null: back to the default.',
  })
  readonly after?: unknown;

  @ApiPropertyOptional({ example: '6f1c1f6e-5c39-4d63-8a55-0f0e43a8f2b1' })
  readonly requestId?: string;

  @ApiProperty({
    type: 'integer',
    description:
      'Status of the answer. 102: the command began, and has no outcome: it still runs, or the service was killed.',
    example: 200,
  })
  readonly status: number;

  @ApiPropertyOptional({ example: 'validator' })
  readonly service?: string;
}

export class AuditPageDto {
  @ApiProperty({ type: [AuditEntryDto], description: 'The latest first.' })
  readonly entries: readonly AuditEntryDto[];

  @ApiPropertyOptional({
    description:
      'Cursor of the next page; absent at the end. A page can have fewer entries than `limit` before the end.',
    example: 'WzEsImFiY2RlZiIsNDEyXQ',
  })
  readonly next?: string;
}

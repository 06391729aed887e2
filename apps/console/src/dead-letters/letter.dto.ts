import { ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';

const BODY_FORMATS = ['json', 'text', 'base64', 'masked', 'none'] as const;
type BodyFormat = (typeof BODY_FORMATS)[number];

const ID = 'marketplace.orders.raw.v1.dlq.validator/3/1842';
const TIME = '2026-03-01T12:00:00.000Z';

export class ReasonDto {
  @ApiProperty({ description: 'The code of a rule (docs/quality.md), or of the service.', example: 'time.in_future' })
  readonly code: string;

  @ApiPropertyOptional({ description: 'Field of the body, or name of the header.', example: 'occurred_at' })
  readonly path?: string;

  @ApiPropertyOptional({ description: 'What the value must be.', example: 'at most 5 min after the append time' })
  readonly constraint?: string;
}

export class SourceDto {
  @ApiProperty({
    description: 'Empty where a letter of another program does not say it; partition and offset are then -1.',
    example: 'marketplace.orders.raw.v1',
  })
  readonly topic: string;

  @ApiProperty({ type: 'integer', example: 3 })
  readonly partition: number;

  @ApiProperty({ type: 'integer', example: 90_211 })
  readonly offset: number;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly timestamp: string;
}

/** A dead letter, without its body. */
export class LetterDto {
  @ApiProperty({ description: 'Topic, partition and offset of the dead letter.', example: ID })
  readonly id: string;

  @ApiProperty({ description: 'The dead-letter topic.', example: 'marketplace.orders.raw.v1.dlq.validator' })
  readonly topic: string;

  @ApiProperty({ type: 'integer', example: 3 })
  readonly partition: number;

  @ApiProperty({ type: 'integer', example: 1_842 })
  readonly offset: number;

  @ApiProperty({ description: 'What wrote the dead letter.', example: 'validator' })
  readonly app: string;

  @ApiProperty({ description: 'The first reason.', example: 'time.in_future' })
  readonly reason: string;

  @ApiProperty({ type: [ReasonDto], description: 'Every problem of the record, as far as 2 kB hold them.' })
  readonly detail: readonly ReasonDto[];

  @ApiProperty({ description: 'The same for letters that failed alike.', example: '9f86d081884c7d65' })
  readonly fingerprint: string;

  @ApiProperty({ type: 'integer', description: 'How many times the record has failed, from 1.', example: 1 })
  readonly attempt: number;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly failedAt: string;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly firstFailedAt: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Key of the record as text; null when it has none. Bytes that are not UTF-8 are replaced.',
    example: 'c0ffee54',
  })
  readonly key: string | null;

  @ApiProperty({ type: String, nullable: true, description: '`ce_type`.', example: 'order.placed' })
  readonly eventType: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    description: '`ce_id`.',
    example: '0a4ff3f6-27a4-4a0a-9d0e-6f4f6f2c8d11',
  })
  readonly eventId: string | null;

  @ApiProperty({ description: 'The record that failed.' })
  readonly source: SourceDto;

  @ApiPropertyOptional({
    type: [String],
    description: 'What the topic could not hold whole. Such a letter is not replayed unless it is edited.',
    example: ['value'],
  })
  readonly cut?: readonly string[];
}

export class IndexDto {
  @ApiProperty({ type: 'integer', description: 'Letters that the index holds.', example: 48_211 })
  readonly letters: number;

  @ApiProperty({
    type: 'integer',
    description: 'Letters that were left out because of CONSOLE_MAX_LETTERS: no list has them.',
    example: 0,
  })
  readonly forgotten: number;

  @ApiProperty({
    description:
      'Whether every topic was read to its end in the last 15 seconds. If not, the list is of what was read.',
    example: true,
  })
  readonly upToDate: boolean;
}

export class LetterPageDto {
  @ApiProperty({ type: [LetterDto] })
  readonly letters: readonly LetterDto[];

  @ApiPropertyOptional({
    description:
      'Cursor of the next page; absent at the end. With `key` or `field`, a page can have fewer letters than `limit` before the end.',
    example: 'WzEsImFiY2RlZiJd',
  })
  readonly next?: string;

  @ApiProperty()
  readonly index: IndexDto;
}

export class LetterGroupDto {
  @ApiProperty({ example: '9f86d081884c7d65' })
  readonly fingerprint: string;

  @ApiProperty({ example: 'validator' })
  readonly app: string;

  @ApiProperty({ example: 'time.in_future' })
  readonly reason: string;

  @ApiPropertyOptional({ example: 'occurred_at' })
  readonly path?: string;

  @ApiProperty({ type: 'integer', example: 5_000 })
  readonly count: number;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly firstFailedAt: string;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly lastFailedAt: string;

  @ApiProperty({
    type: 'array',
    items: { type: 'integer' },
    description: 'Letters that failed in each of the last 24 hours, the present one last.',
    example: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 4_000, 988],
  })
  readonly hourly: readonly number[];

  @ApiProperty({ type: [String], description: 'Ids of the latest letters, three at most.', example: [ID] })
  readonly samples: readonly string[];
}

export class LetterGroupsDto {
  @ApiProperty({ type: [LetterGroupDto], description: 'The largest group first.' })
  readonly groups: readonly LetterGroupDto[];

  @ApiProperty()
  readonly index: IndexDto;
}

export class HeaderDto {
  @ApiProperty({ example: 'ce_type' })
  readonly name: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'The value, if it is UTF-8.',
    example: 'order.placed',
  })
  readonly value?: string | null;

  @ApiPropertyOptional({ description: 'The value, if it is not UTF-8.', example: '/wA=' })
  readonly base64?: string;
}

export class TextBodyDto {
  @ApiProperty({ description: 'The body, if it is UTF-8 and not one JSON object.', example: '{"event_id": ' })
  readonly text: string;
}

export class BinaryBodyDto {
  @ApiProperty({ description: 'The body, if it is not UTF-8.', example: '/wA=' })
  readonly base64: string;
}

export class MaskedBodyDto {
  @ApiProperty({ description: 'The body is not one JSON object: a viewer does not see it.', example: true })
  readonly masked: boolean;

  @ApiProperty({ type: 'integer', example: 812 })
  readonly bytes: number;
}

/** A dead letter with headers and body. */
export class LetterDetailDto extends LetterDto {
  @ApiProperty({
    type: [HeaderDto],
    description: 'The headers of the record, in their order, then those of the dead letter.',
  })
  readonly headers: readonly HeaderDto[];

  @ApiProperty({
    enum: BODY_FORMATS,
    description:
      'What `body` is. `json`: the object of the body, `text`: `{text}`, `base64`: `{base64}`, `masked`: `{masked, bytes}` for a viewer, as the body is not one JSON object; `none`: the record has no value.',
    example: 'json',
  })
  readonly bodyFormat: BodyFormat;

  @ApiProperty({
    nullable: true,
    description: 'For a viewer, values of personal and of unknown fields are `(masked)`.',
    // Not oneOf: an object of the body may look like one of the others.
    anyOf: [
      { type: 'object', additionalProperties: true },
      ...[TextBodyDto, BinaryBodyDto, MaskedBodyDto].map((type) => ({ $ref: getSchemaPath(type) })),
    ],
    example: { event_type: 'order.placed', item_price: '-19.90', vendor_name: '(masked)' },
  })
  readonly body: Readonly<Record<string, unknown>> | TextBodyDto | BinaryBodyDto | MaskedBodyDto | null;
}

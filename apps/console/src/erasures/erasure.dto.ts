import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Matches } from 'class-validator';

const TIME = '2026-03-01T12:00:00.000Z';

/** Whose data is to be erased. */
export class CreateErasureDto {
  @ApiProperty({
    description: 'Id of the customer. It is not stored, and stands in no log: everything has a hash of it.',
    pattern: '^[0-9a-f]{64}$',
    example: '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8',
  })
  @Matches(/^[0-9a-f]{64}$/)
  readonly customerId: string;
}

export class ErasureStepDto {
  @ApiProperty({ enum: ['table', 'topic', 'state'], example: 'table' })
  readonly kind: string;

  @ApiProperty({ example: 'order_events' })
  readonly name: string;

  @ApiProperty({
    enum: ['done', 'waiting', 'retained', 'absent'],
    description:
      '`done`: nothing is left. `waiting`: something is left, and it is retried until the deadline. `retained`: what is there leaves by itself. `absent`: there is no such table.',
    example: 'done',
  })
  readonly state: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Rows of the customer. Topics are not counted.', example: 12 })
  readonly found?: number;

  @ApiPropertyOptional({
    type: 'integer',
    description:
      'Rows that were deleted; of `dead_letters`, rows without key, body and headers now; entries that were removed from a state.',
    example: 12,
  })
  readonly erased?: number;

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the retention of the topic has deleted the last of it; null: not by time, `note` says how.',
    example: TIME,
  })
  readonly remainingUntil?: string | null;

  @ApiPropertyOptional({ description: 'Why something is left.' })
  readonly note?: string;
}

/** An erasure, and its receipt. */
export class ErasureDto {
  @ApiProperty({ example: '0a4ff3f627a44a0a9d0e6f4f6f2c8d11' })
  readonly id: string;

  @ApiProperty({ description: '16 hex digits of the SHA-256 of the id of the customer.', example: '113459eb7bb31bdd' })
  readonly customer: string;

  @ApiProperty({
    enum: ['running', 'finished', 'incomplete'],
    description: '`incomplete`: the deadline has passed while rows were left. A new erasure tries again.',
    example: 'finished',
  })
  readonly state: string;

  @ApiProperty({ example: 'bob' })
  readonly createdBy: string;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly createdAt: string;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly updatedAt: string;

  @ApiProperty({ format: 'date-time', example: '2026-03-01T18:00:00.000Z' })
  readonly deadline: string;

  @ApiProperty({ type: [ErasureStepDto], description: 'Empty until the rows are counted.' })
  readonly steps: readonly ErasureStepDto[];
}

export class ErasureListDto {
  @ApiProperty({ type: [ErasureDto], description: 'The latest first.' })
  readonly erasures: readonly ErasureDto[];
}

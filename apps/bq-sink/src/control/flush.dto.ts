import { ApiProperty } from '@nestjs/swagger';

class FlushedPartitionDto {
  @ApiProperty({ example: 'marketplace.orders.validated.v1' })
  readonly topic: string;

  @ApiProperty({ type: 'integer', example: 3 })
  readonly partition: number;

  @ApiProperty({ type: 'integer', description: 'Records that waited or were in flight.', example: 412 })
  readonly records: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'The committed offset behind them; null if nothing of the partition was ever committed.',
    example: 20_734,
  })
  readonly committed: number | null;
}

class UnflushedPartitionDto {
  @ApiProperty({ example: 'marketplace.orders.validated.v1' })
  readonly topic: string;

  @ApiProperty({ type: 'integer', example: 4 })
  readonly partition: number;

  @ApiProperty({
    description: 'Why its records are not known to be committed. Recovery decides, or the flush can be repeated.',
    example: '412 records were not committed within 20 s.',
  })
  readonly detail: string;
}

/** What this instance has done. */
export class FlushDto {
  @ApiProperty({
    type: [FlushedPartitionDto],
    description: 'Partitions whose records are durable in BigQuery, or dead-lettered, and committed.',
  })
  readonly flushed: readonly FlushedPartitionDto[];

  @ApiProperty({ type: [UnflushedPartitionDto] })
  readonly failed: readonly UnflushedPartitionDto[];
}

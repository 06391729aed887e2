import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

class RewindBodyDto {
  @ApiProperty({ type: 'integer' })
  readonly partition: number;

  @ApiProperty({ type: 'integer' })
  readonly offset: number;
}

class GapRangeDto {
  @ApiProperty()
  readonly topic: string;

  @ApiProperty({ type: 'integer' })
  readonly partition: number;

  @ApiProperty({
    type: 'integer',
    description:
      'What was not acknowledged at `from` begins here. What waited in the deleted subscription is lost too and begins lower: ' +
      'a query in docs/pubsub-bridge.md#the-subscription-was-deleted finds where.',
  })
  readonly fromOffset: number;

  @ApiProperty({
    type: 'integer',
    description:
      'The offset after the last one. Equal to `fromOffset` when nothing was published between `from` and `to`.',
  })
  readonly toOffset: number;

  @ApiProperty({ description: 'Body of the `POST /admin/rewind` that publishes the range again.' })
  readonly rewind: RewindBodyDto;
}

class GapDto {
  @ApiProperty({ format: 'date-time', description: 'Last check that found the deleted subscription.' })
  readonly from: string;

  @ApiProperty({ format: 'date-time', description: 'First check that found the next one.' })
  readonly to: string;

  @ApiProperty({ type: [GapRangeDto] })
  readonly partitions: readonly GapRangeDto[];
}

class SubscriptionDto {
  @ApiProperty({ description: 'State at the last check.', example: 'ACTIVE' })
  readonly state: string;

  @ApiProperty({ type: [String], description: 'How topic and subscription differ from what the bridge needs.' })
  readonly differences: readonly string[];

  @ApiProperty({
    type: [GapDto],
    description:
      'Deletions of the subscription, in the partitions that are open here, the oldest first. They are stored with the committed ' +
      'offsets, over restarts and rebalances, at most 10 per partition, and end with a rewind to or below `fromOffset`, or with ' +
      '`POST /admin/dismiss-gaps`.',
  })
  readonly gaps: readonly GapDto[];
}

class BridgePartitionDto {
  @ApiProperty()
  readonly topic: string;

  @ApiProperty({ type: 'integer' })
  readonly partition: number;

  @ApiProperty({ enum: ['opening', 'running', 'paused', 'retrying', 'stopped', 'draining'] })
  readonly state: string;

  @ApiProperty({ type: 'integer', description: 'Records taken and not settled.' })
  readonly unacknowledged: number;

  @ApiPropertyOptional({
    description: 'Why the partition is retrying or stopped; of a stopped one also the commands that lead on.',
  })
  readonly error?: string;
}

/** Documents `/admin/status` of the bridge. */
export class BridgeStatusDto {
  @ApiProperty({ example: 'pubsub-bridge' })
  readonly group: string;

  @ApiProperty({ enum: ['connecting', 'joined', 'rebalancing', 'closed', 'failed'] })
  readonly state: string;

  @ApiProperty({ example: 'orders-topic' })
  readonly topic: string;

  @ApiProperty({ enum: ['none', 'key'] })
  readonly ordering: string;

  @ApiProperty({ type: 'integer', description: 'Messages acknowledged since the start.' })
  readonly published: number;

  @ApiProperty({ type: 'integer' })
  readonly deadLettered: number;

  @ApiProperty({ type: 'integer' })
  readonly unacknowledged: number;

  @ApiProperty()
  readonly subscription: SubscriptionDto;

  @ApiProperty({ type: [BridgePartitionDto] })
  readonly partitions: readonly BridgePartitionDto[];
}

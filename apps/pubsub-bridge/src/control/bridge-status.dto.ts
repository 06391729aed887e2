import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

class GapRangeDto {
  @ApiProperty()
  readonly topic: string;

  @ApiProperty({ type: 'integer' })
  readonly partition: number;

  @ApiProperty({ type: 'integer', description: 'The offset to rewind to.' })
  readonly fromOffset: number;

  @ApiProperty({ type: 'integer', description: 'The offset after the last one.' })
  readonly toOffset: number;
}

class GapDto {
  @ApiProperty({ format: 'date-time' })
  readonly from: string;

  @ApiProperty({ format: 'date-time' })
  readonly to: string;

  @ApiProperty({ type: [GapRangeDto] })
  readonly partitions: readonly GapRangeDto[];
}

class SubscriptionDto {
  @ApiProperty({ description: 'State at the last check.', example: 'ACTIVE' })
  readonly state: string;

  @ApiProperty({ type: [String], description: 'How topic and subscription differ from what the bridge needs.' })
  readonly differences: readonly string[];

  @ApiProperty({ type: [GapDto], description: 'When the subscription did not exist, since the start; the last 20.' })
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

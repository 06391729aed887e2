import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

class FiguresDto {
  @ApiPropertyOptional({
    type: 'integer',
    description: 'Records that are not settled: the sum over the partitions, up to the high watermark.',
    example: 12,
  })
  readonly lagRecords?: number;

  @ApiPropertyOptional({ description: 'Age of the oldest record that is not settled.', example: 0.4 })
  readonly lagSeconds?: number;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'number' },
    description: 'Records settled per second, by outcome. Absent until the service was asked twice.',
    example: { accepted: 49.2, repaired: 0.4, dead_lettered: 0.6 },
  })
  readonly recordsPerSecond?: Readonly<Record<string, number>>;

  @ApiPropertyOptional({
    description: 'From an event until it can be queried, 95th percentile: the bucket that holds it.',
    example: 1.5,
  })
  readonly freshnessP95Seconds?: number;
}

class ServiceReportDto {
  @ApiProperty({ description: 'The name in SERVICE_URLS.', example: 'validator' })
  readonly name: string;

  @ApiProperty({ example: 'http://127.0.0.1:3002' })
  readonly url: string;

  @ApiProperty({ enum: ['ready', 'not-ready', 'unreachable'], example: 'ready' })
  readonly state: string;

  @ApiPropertyOptional({
    description: 'Why the service is unreachable, or what is missing here.',
    example: '/health/ready: connect ECONNREFUSED 127.0.0.1:3002',
  })
  readonly error?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'The failing checks of a service that is not ready, by name.',
    example: { consumer: 'paused' },
  })
  readonly checks?: Readonly<Record<string, unknown>>;

  @ApiPropertyOptional()
  readonly figures?: FiguresDto;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: '`/admin/status` of the service. Absent without SERVICE_TOKEN.',
    example: { state: 'joined' },
  })
  readonly status?: unknown;
}

export class OverviewDto {
  @ApiProperty({ format: 'date-time', example: '2026-03-01T12:00:00.000Z' })
  readonly at: string;

  @ApiProperty({ type: [ServiceReportDto] })
  readonly services: readonly ServiceReportDto[];
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { BLOCKS, type BlockName, lastDay, type RunRecord, type RunState } from '../runs/run';

const COUNTS = { type: 'object', additionalProperties: { type: 'integer' } } as const;

/** The last attempt of a block. */
export class BlockDto {
  @ApiProperty({ enum: BLOCKS })
  readonly block: BlockName;

  @ApiProperty({ type: 'integer', example: 1 })
  readonly attempt: number;

  @ApiProperty({ enum: ['running', 'succeeded', 'failed'] })
  readonly state: RunState;

  @ApiProperty({ example: '2026-02-01T02:00:01.250Z' })
  readonly startedAt: string;

  @ApiPropertyOptional()
  readonly endedAt?: string;

  @ApiPropertyOptional({ type: 'integer', example: 4_100 })
  readonly rowsIn?: number;

  @ApiPropertyOptional({ type: 'integer', example: 4_090 })
  readonly rowsOut?: number;

  @ApiPropertyOptional({ ...COUNTS, description: 'Rejected rows by the first rule that rejected them.' })
  readonly rejected?: Readonly<Record<string, number>>;

  @ApiPropertyOptional({ ...COUNTS, description: 'Accepted rows by each rule that flagged or repaired them.' })
  readonly flagged?: Readonly<Record<string, number>>;

  @ApiPropertyOptional({
    type: [String],
    description: 'Of generate_data: the days whose orders are those of the stream.',
  })
  readonly streamDays?: readonly string[];

  @ApiPropertyOptional({ example: 'BATCH_JOB_FAILED: Job … failed: …' })
  readonly error?: string;
}

/** A run. */
export class RunDto {
  @ApiProperty({ example: 'load_20260201t020000z_20260101_20260131' })
  readonly id: string;

  @ApiProperty({ enum: ['load_batch_to_bq', 'load_file_to_bq'] })
  readonly pipeline: string;

  @ApiProperty({ enum: ['waiting', 'running', 'succeeded', 'failed', 'cancelled'] })
  readonly state: RunState;

  @ApiPropertyOptional({
    description: 'The process that ran it has ended without recording its end. Resume the run.',
    example: true,
  })
  readonly interrupted?: boolean;

  @ApiProperty({ description: 'First day (UTC).', example: '2026-01-01' })
  readonly from: string;

  @ApiProperty({ description: 'Last day (UTC).', example: '2026-01-31' })
  readonly to: string;

  @ApiProperty({ example: '2026-02-01T02:00:00Z' })
  readonly scheduledAt: string;

  @ApiProperty({ description: 'The scenario, or the file.', example: 'steady' })
  readonly source: string;

  @ApiProperty()
  readonly createdAt: string;

  @ApiPropertyOptional()
  readonly endedAt?: string;

  @ApiPropertyOptional({ description: 'Code and message.' })
  readonly error?: string;

  @ApiProperty({ type: [BlockDto] })
  readonly blocks: readonly BlockDto[];
}

export class RunListDto {
  @ApiProperty({ type: [RunDto], description: 'The newest first.' })
  readonly runs: readonly RunDto[];
}

/** @param held runs whose ranges a process holds */
export function runView(record: RunRecord, held: ReadonlySet<string>): RunDto {
  const { id, plan, state, createdAt, endedAt, error } = record;
  return {
    id,
    pipeline: plan.pipeline,
    state,
    ...(state === 'running' && !held.has(id) && { interrupted: true }),
    from: plan.range.from,
    to: lastDay(plan.range),
    scheduledAt: plan.scheduledAt,
    source: plan.source.kind === 'simulation' ? plan.source.scenario : plan.source.uri,
    createdAt,
    ...(endedAt !== undefined && { endedAt }),
    ...(error !== undefined && { error }),
    blocks: BLOCKS.flatMap((block) => blockView(block, record)),
  };
}

function blockView(block: BlockName, { blocks }: RunRecord): BlockDto[] {
  const record = blocks[block];
  if (record === undefined) return [];
  const { output, attempt, state, startedAt, endedAt, error } = record;
  const { rowsIn, rowsOut, rejected, flagged, details } = output ?? {};
  const stream = details?.stream as { readonly days: readonly string[] } | undefined;
  return [
    {
      ...{ block, attempt, state, startedAt },
      ...(endedAt !== undefined && { endedAt }),
      ...(output !== undefined && { rowsIn, rowsOut, rejected }),
      ...(flagged !== undefined && { flagged }),
      ...(stream !== undefined && stream.days.length > 0 && { streamDays: stream.days }),
      ...(error !== undefined && { error }),
    },
  ];
}

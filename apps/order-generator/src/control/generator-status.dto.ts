import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** Documents `/admin/status` of the generator. */
export class GeneratorStatusDto {
  @ApiProperty({ enum: ['opening', 'stopped', 'running', 'finished', 'failed'] })
  readonly state: string;

  @ApiPropertyOptional({ description: 'The broker does not acknowledge: the generator tries again.' })
  readonly retrying?: boolean;

  @ApiPropertyOptional({ description: 'Why the generator is retrying or has failed.' })
  readonly error?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Number of the next record among the records of all segments.' })
  readonly nextSeq?: number;

  @ApiPropertyOptional({ description: 'Counts of the current run.', type: 'object', additionalProperties: true })
  readonly run?: object;

  @ApiPropertyOptional({
    description: 'Events per second.',
    type: 'object',
    additionalProperties: { type: 'number' },
    example: { target: 50, achieved: 49.9 },
  })
  readonly rate?: object;

  @ApiPropertyOptional({ description: 'Name of the scenario.', example: 'steady' })
  readonly scenario?: string;

  @ApiPropertyOptional({
    description: 'What the events are generated from: seed, version of the simulation, segment.',
    type: 'object',
    additionalProperties: true,
  })
  readonly identity?: object;

  @ApiPropertyOptional({ description: 'The time of the simulation.', format: 'date-time' })
  readonly virtualTime?: string;

  @ApiPropertyOptional({ description: 'Share of the events that are made wrong on purpose.', example: 0.02 })
  readonly defectRate?: number;
}

import { ApiExtraModels, ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { LetterDto } from '../dead-letters/letter.dto';

const TOPIC = 'marketplace.orders.raw.v1.dlq.validator';
const TIME = '2026-03-01T12:00:00.000Z';
const STATES = [
  'draft',
  'previewing',
  'ready',
  'waiting',
  'running',
  'paused',
  'finished',
  'cancelled',
  'stopped',
  'failed',
] as const;
const counted = (description: string, example: number): PropertyDecorator =>
  ApiProperty({ type: 'integer', description, example });

class PlanOptionsDto {
  @ApiProperty({ example: false })
  readonly includeDuplicates: boolean;

  @ApiProperty({ example: true })
  readonly followers: boolean;

  @ApiProperty({ example: 100 })
  readonly ratePerSecond: number;

  @ApiProperty({ type: 'integer', example: 20 })
  readonly canary: number;

  @ApiProperty({ example: 0.5 })
  readonly stopAboveShare: number;
}

class FailureDto {
  @ApiProperty({ example: 'reference.unknown_vendor' })
  readonly code: string;

  @ApiProperty({ type: 'integer', example: 12 })
  readonly count: number;
}

class DryRunDto {
  @counted('Letters that the rules would accept now.', 4_988)
  readonly passes: number;

  @ApiProperty({ type: [FailureDto], description: 'Letters that would be rejected again, by their first reason.' })
  readonly fails: readonly FailureDto[];

  @counted('Letters that the dry run cannot evaluate. `warnings` say why.', 0)
  readonly undecided: number;
}

class SettingDifferenceDto {
  @ApiProperty({
    description: 'The name of the setting; `RULE_ACTIONS.<code>` is the action of a rule.',
    example: 'RULE_MAX_LATE_MS',
  })
  readonly setting: string;

  @ApiProperty({
    oneOf: [{ type: 'string' }, { type: 'number' }],
    nullable: true,
    description: 'What the dry run evaluated by; null: this version does not have the setting.',
    example: 604_800_000,
  })
  readonly dryRun: string | number | null;

  @ApiProperty({
    oneOf: [{ type: 'string' }, { type: 'number' }],
    nullable: true,
    description: 'What the validator evaluates by; null: its version does not have the setting.',
    example: 86_400_000,
  })
  readonly validator: string | number | null;

  @ApiProperty({ description: 'Which validator: its name in SERVICE_URLS.', example: 'validator' })
  readonly service: string;
}

class EvaluatedByDto {
  @ApiProperty({ description: 'Version of the rule settings, as accepted records name it.', example: '5f3a9c1b2d4e' })
  readonly version: string;

  @ApiProperty({ type: 'integer', description: 'Revision of the settings at run time that it contains.', example: 12 })
  readonly revision: number;

  @ApiPropertyOptional({
    type: [String],
    description:
      'The validators whose settings were compared with these. Empty: none has answered, and `warnings` say why. Absent ' +
      'where no rules were evaluated.',
    example: ['validator'],
  })
  readonly comparedWith?: readonly string[];

  @ApiPropertyOptional({
    type: [SettingDifferenceDto],
    description: 'What the validators evaluate by otherwise: their verdicts may be others than those of the dry run.',
    example: [],
  })
  readonly differences?: readonly SettingDifferenceDto[];
}

class PreviewSourceDto {
  @ApiProperty({ description: 'The source topic; empty for letters whose headers name none.', example: 'invoices' })
  readonly topic: string;

  @counted('Letters that name it.', 120)
  readonly letters: number;

  @ApiPropertyOptional({ description: 'Why these letters do not return.', example: 'invoices does not exist' })
  readonly problem?: string;
}

class PreviewDto {
  @ApiProperty({ format: 'date-time', example: TIME })
  readonly at: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer' },
    description: 'The end of each partition of the dead-letter topic: letters behind it do not join.',
    example: { 0: 902, 1: 887 },
  })
  readonly upTo: Readonly<Record<number, number>>;

  @counted('Letters of the filter.', 5_000)
  readonly letters: number;

  @counted('Letters that failed because one of these did.', 1_204)
  readonly followers: number;

  @counted('Both together.', 6_204)
  readonly total: number;

  @ApiProperty({ type: [LetterDto], description: 'Some of the letters. A list of plans leaves them out.' })
  readonly samples: readonly LetterDto[];

  @ApiProperty({ description: 'What the dry run evaluated by.' })
  readonly settings: EvaluatedByDto;

  @ApiProperty()
  readonly dryRun: DryRunDto;

  @ApiPropertyOptional({
    type: [PreviewSourceDto],
    description: 'Of letters of another program: the topics to which they return, the most frequent first.',
  })
  readonly sources?: readonly PreviewSourceDto[];

  @ApiProperty({ type: [String], example: ['Live records of the same keys may overtake the returned ones.'] })
  readonly warnings: readonly string[];
}

class ProgressDto {
  @counted('Back on the topic that the service reads.', 4_120)
  readonly returned: number;

  @counted('Rejected too often: in the topic of parked letters.', 0)
  readonly parked: number;

  @counted('Returned by another plan before.', 0)
  readonly skipped: number;

  @counted('Not replayed: cut, a duplicate without an override, or an edit that the contract rejects.', 0)
  readonly rejected: number;

  @counted('Returned and rejected again.', 3)
  readonly cameBack: number;

  @counted('Chosen letters.', 6_204)
  readonly total: number;

  @ApiPropertyOptional({ example: 99.7 })
  readonly currentRatePerSecond?: number;
}

class PlanErrorDto {
  @ApiProperty({ example: 'too-many-came-back' })
  readonly type: string;

  @ApiProperty({ example: '14 of 20 canary letters came back: 70 %, more than 50 %.' })
  readonly detail: string;
}

/** A replay plan. */
@ApiExtraModels(LetterDto)
export class PlanDto {
  @ApiProperty({ example: '0a4ff3f6-27a4-4a0a-9d0e-6f4f6f2c8d11' })
  readonly id: string;

  @ApiProperty({ type: 'integer', description: 'Increases with each change. It is also the ETag.', example: 3 })
  readonly revision: number;

  @ApiProperty({ enum: STATES, example: 'ready' })
  readonly state: string;

  @ApiProperty({ description: 'The dead-letter topic.', example: TOPIC })
  readonly topic: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'For a viewer, values of personal and of unknown fields are `(masked)`.',
    example: { reason: 'reference.unknown_vendor' },
  })
  readonly filter: object;

  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'object', additionalProperties: true },
    description: 'The JSON Patch. For a viewer, values of personal and of unknown fields are `(masked)`.',
    example: [{ op: 'replace', path: '/item_price', value: '19.90' }],
  })
  readonly edit?: readonly object[];

  @ApiProperty()
  readonly options: PlanOptionsDto;

  @ApiProperty({ example: 'bob' })
  readonly createdBy: string;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly createdAt: string;

  @ApiPropertyOptional({ example: 'The feed of the catalog was late.' })
  readonly note?: string;

  @ApiPropertyOptional({ description: 'Absent before the first preview.' })
  readonly preview?: PreviewDto;

  @ApiProperty()
  readonly progress: ProgressDto;

  @ApiPropertyOptional({ description: 'The plan that works on the same topic, while this one waits.' })
  readonly waitingFor?: string;

  @ApiPropertyOptional({ format: 'date-time', example: TIME })
  readonly endedAt?: string;

  @ApiPropertyOptional({ description: 'Why the plan stopped or failed, or why its last preview did.' })
  readonly error?: PlanErrorDto;

  @ApiPropertyOptional({ description: 'What to know about the end of the plan.' })
  readonly outcome?: string;
}

export class PlanPageDto {
  @ApiProperty({ type: [PlanDto], description: 'The latest first.' })
  readonly plans: readonly PlanDto[];

  @ApiPropertyOptional({ description: 'Cursor of the next page; absent at the end.', example: 'WyIwYTRmZjNmNiJd' })
  readonly next?: string;
}

class TargetDto {
  @ApiProperty({ example: 'marketplace.orders.raw.v1' })
  readonly topic: string;

  @ApiProperty({ type: 'integer', example: 3 })
  readonly partition: number;
}

export class ReceiptDto {
  @ApiProperty({ description: 'Id of the letter.', example: `${TOPIC}/3/1842` })
  readonly letter: string;

  @ApiProperty({ enum: ['returned', 'parked', 'skipped', 'rejected'], example: 'returned' })
  readonly outcome: string;

  @ApiPropertyOptional({ description: 'Why it was parked, skipped or rejected.' })
  readonly reason?: string;

  @ApiPropertyOptional({ description: 'Where the record went.' })
  readonly to?: TargetDto;

  @ApiPropertyOptional({ description: 'SHA-256 of the value before the edit, in hex.' })
  readonly editedFrom?: string;

  @ApiPropertyOptional({ description: 'SHA-256 of the value after the edit, in hex.' })
  readonly editedTo?: string;

  @ApiProperty({ format: 'date-time', example: TIME })
  readonly at: string;
}

export class ReceiptPageDto {
  @ApiProperty({ type: [ReceiptDto] })
  readonly receipts: readonly ReceiptDto[];

  @ApiPropertyOptional({ description: 'Cursor of the next page; absent at the end.', example: 'WzEsMywxODQyXQ' })
  readonly next?: string;
}

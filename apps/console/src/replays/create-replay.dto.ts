import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { MAX_REPLAY_RATE, type ReplayRequest } from '@orderstream/dead-letters';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsNumber,
  IsObject,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { IsTime } from '../page-query.dto';

const MAX_TEXT = 1_000;
const MAX_NOTE = 1_000;
const MAX_OPERATIONS = 100;
const MAX_CANARY = 100_000;

/** `null` is not the same as nothing: it is rejected. */
const IfGiven = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);

/** Which letters of the topic are meant. Every condition must hold; without any, all are. */
class ReplayFilterDto {
  @ApiPropertyOptional({ description: 'The first reason.', example: 'reference.unknown_vendor' })
  @IfGiven()
  @IsString()
  @MaxLength(MAX_TEXT)
  readonly reason?: string;

  @ApiPropertyOptional({ description: 'Of a group.', example: '9f86d081884c7d65' })
  @IfGiven()
  @IsString()
  @MaxLength(MAX_TEXT)
  readonly fingerprint?: string;

  @ApiPropertyOptional({ description: 'Key of the record.', example: 'c0ffee54' })
  @IfGiven()
  @IsString()
  @MaxLength(MAX_TEXT)
  readonly key?: string;

  @ApiPropertyOptional({ description: '`ce_type`.', example: 'order.placed' })
  @IfGiven()
  @IsString()
  @MaxLength(MAX_TEXT)
  readonly eventType?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Failed at this time or later.' })
  @IfGiven()
  @IsTime()
  readonly from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Failed before this time.' })
  @IfGiven()
  @IsTime()
  readonly to?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, example: 3 })
  @IfGiven()
  @IsInt()
  @Min(0)
  readonly partition?: number;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'Source offset: this one or a later one.' })
  @IfGiven()
  @IsInt()
  @Min(0)
  readonly fromOffset?: number;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'Source offset: below this one.' })
  @IfGiven()
  @IsInt()
  @Min(0)
  readonly toOffset?: number;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Fields of the body with the text of their values.',
    example: { item_quantity: '2' },
  })
  @IfGiven()
  @IsObject()
  readonly fields?: Readonly<Record<string, string>>;
}

/** What is to be replayed, and how. */
export class CreateReplayDto {
  @ApiProperty({
    description: 'A dead-letter topic, also one of FOREIGN_DEAD_LETTER_TOPICS.',
    example: 'marketplace.orders.raw.v1.dlq.validator',
  })
  @IsString()
  @MaxLength(249)
  readonly topic: string;

  @ApiProperty({ example: { reason: 'reference.unknown_vendor' } })
  @IsObject()
  @ValidateNested()
  @Type(() => ReplayFilterDto)
  readonly filter: ReplayFilterDto;

  @ApiPropertyOptional({
    type: 'array',
    maxItems: MAX_OPERATIONS,
    items: { type: 'object', additionalProperties: true },
    description:
      'JSON Patch (RFC 6902) for the body of each letter. The result must meet the contract, if the letters are of this system or return to one of its raw topics. `event_id`, `event_type` and the key field cannot be edited.',
    example: [{ op: 'replace', path: '/item_price', value: '19.90' }],
  })
  @IfGiven()
  @IsArray()
  @ArrayMaxSize(MAX_OPERATIONS)
  @IsObject({ each: true })
  readonly edit?: ReplayRequest['edit'];

  @ApiPropertyOptional({ default: false, description: 'Replays letters of the rules `duplicate.*`, unedited.' })
  @IfGiven()
  @IsBoolean()
  readonly includeDuplicates?: boolean;

  @ApiPropertyOptional({ default: true, description: 'Takes along what failed because a chosen letter did.' })
  @IfGiven()
  @IsBoolean()
  readonly followers?: boolean;

  @ApiPropertyOptional({ default: 100, minimum: 0.1, maximum: MAX_REPLAY_RATE, description: 'Letters per second.' })
  @IfGiven()
  @IsNumber()
  @Min(0.1)
  @Max(MAX_REPLAY_RATE)
  readonly ratePerSecond?: number;

  @ApiPropertyOptional({
    type: 'integer',
    default: 0,
    minimum: 0,
    maximum: MAX_CANARY,
    description: 'Letters to return first, whose fate is awaited before the others; 0 for none.',
    example: 20,
  })
  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(MAX_CANARY)
  readonly canary?: number;

  @ApiPropertyOptional({
    default: 0.5,
    minimum: 0,
    maximum: 1,
    description: 'Share of returned letters above which the plan stops when they come back.',
  })
  @IfGiven()
  @IsNumber()
  @Min(0)
  @Max(1)
  readonly stopAboveShare?: number;

  @ApiPropertyOptional({ maxLength: MAX_NOTE, description: 'Why. Without personal data: viewers see it.' })
  @IfGiven()
  @IsString()
  @MaxLength(MAX_NOTE)
  readonly note?: string;
}

/** Those of its fields that the audit has before it is carried out: none with text that an operator writes. */
export const AUDITED_FIELDS = [
  'topic',
  'ratePerSecond',
  'canary',
  'stopAboveShare',
  'includeDuplicates',
  'followers',
] as const satisfies readonly (keyof CreateReplayDto)[];

/** The fields of a class whose instances are bodies. */
type Plain<T> = Pick<T, keyof T>;

/** The request for the engine: without what was not given. */
export function replayRequestOf({ filter, ...body }: Plain<CreateReplayDto>): ReplayRequest {
  const given = <T extends object>(object: T): T =>
    Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
  return given({ ...body, filter: given(filter) });
}

import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { emptyRanges, type LetterFilter, type LetterOrder } from '@orderstream/dead-letters';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { integerOf, IsTime, PageCursor, PageLimit } from '../page-query.dto';
import { ConsoleProblem } from '../problems';

const MAX_FIELDS = 8;
const MAX_TEXT = 1_024;

/** A text that is given at most once: a repeated parameter is a list, and rejected. */
const Text = (options: ApiPropertyOptions, maxLength = MAX_TEXT): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({ type: String, maxLength, ...options }),
    IsOptional(),
    IsString(),
    MaxLength(maxLength),
  );

const Integer = (options: ApiPropertyOptions, min = 0, max = Number.MAX_SAFE_INTEGER): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum: min, maximum: max, ...options }),
    IsOptional(),
    Transform(integerOf),
    IsInt(),
    Min(min),
    Max(max),
  );

const Time = (options: ApiPropertyOptions): PropertyDecorator =>
  applyDecorators(ApiPropertyOptional({ type: String, format: 'date-time', ...options }), IsOptional(), IsTime());

/** Which dead letters are meant. Every condition must hold. */
export class LetterFilterDto {
  @Text({
    description: 'The dead-letter topic. Parked letters are listed by their topic only.',
    example: 'marketplace.orders.raw.v1.dlq.validator',
  })
  readonly topic?: string;

  @Text({ description: 'What wrote the dead letter.', example: 'validator' })
  readonly app?: string;

  @Text({ description: 'The first reason.', example: 'time.in_future' })
  readonly reason?: string;

  @Text({ description: 'Of a group.', example: '9f86d081884c7d65' })
  readonly fingerprint?: string;

  @Text({ description: 'Key of the record.', example: 'c0ffee54' })
  readonly key?: string;

  @Text({ description: '`ce_type`.', example: 'order.placed' })
  readonly eventType?: string;

  @Time({ description: 'Failed at this time or later.', example: '2026-03-01T00:00:00Z' })
  readonly from?: string;

  @Time({ description: 'Failed before this time.', example: '2026-03-02T00:00:00Z' })
  readonly to?: string;

  @Integer({ description: 'Partition of the record that failed, which is that of the dead letter.', example: 3 })
  readonly partition?: number;

  @Integer({ description: 'Offset of the record that failed: this one or a later one.', example: 90_000 })
  readonly fromOffset?: number;

  @Integer({ description: 'Offset of the record that failed: below this one.', example: 91_000 })
  readonly toOffset?: number;

  @ApiPropertyOptional({
    type: [String],
    maxItems: MAX_FIELDS,
    description:
      '`name=value`: a field of the body with the text of its value. Repeatable. A viewer can filter by fields that are not masked only.',
    example: ['item_quantity=2'],
  })
  @IsOptional()
  @Transform(({ value }: { readonly value: unknown }): unknown => (typeof value === 'string' ? [value] : value))
  @ArrayMaxSize(MAX_FIELDS)
  @IsString({ each: true })
  @MaxLength(MAX_TEXT, { each: true })
  @Matches(/^[^=]{1,256}=/, { each: true, message: 'each field must be name=value' })
  readonly field?: readonly string[];
}

/** One page of a list. */
export class LetterQueryDto extends LetterFilterDto {
  @ApiPropertyOptional({ enum: ['newest', 'oldest'], default: 'newest' })
  @IsOptional()
  @IsIn(['newest', 'oldest'])
  readonly order?: LetterOrder;

  @PageLimit()
  readonly limit?: number;

  @PageCursor()
  readonly cursor?: string;
}

/** @throws ConsoleProblem filter-rejected when no letter can meet it */
export function letterFilterOf(query: LetterFilterDto): LetterFilter {
  const {
    topic,
    app,
    reason,
    fingerprint,
    key,
    eventType,
    from,
    to,
    partition,
    fromOffset,
    toOffset,
    field = [],
  } = query;
  const values = field.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] as const);
  const fields = Object.fromEntries(values);
  const filter: LetterFilter = {
    ...(topic === undefined ? {} : { topic }),
    ...(app === undefined ? {} : { app }),
    ...(reason === undefined ? {} : { reason }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(key === undefined ? {} : { key }),
    ...(eventType === undefined ? {} : { eventType }),
    ...(from === undefined ? {} : { failedFrom: new Date(from) }),
    ...(to === undefined ? {} : { failedUntil: new Date(to) }),
    ...(partition === undefined ? {} : { sourcePartition: partition }),
    ...(fromOffset === undefined ? {} : { sourceOffsetFrom: fromOffset }),
    ...(toOffset === undefined ? {} : { sourceOffsetUntil: toOffset }),
    ...(field.length === 0 ? {} : { fields }),
  };
  const problems = [
    ...emptyRanges(filter),
    ...values.flatMap(([name, value]) =>
      fields[name] === value ? [] : [`the field ${JSON.stringify(name)} has two values`],
    ),
  ];
  if (problems.length > 0)
    throw new ConsoleProblem('filter-rejected', `No dead letter can match: ${problems.join('; ')}.`);
  return filter;
}

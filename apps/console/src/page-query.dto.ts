import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

const MAX_LIMIT = 1_000;
const MAX_CURSOR = 4_096;

/** Digits only: `Number('')` is 0. */
export const integerOf = ({ value }: { readonly value: unknown }): unknown =>
  typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;

/** Size of a page. */
export const PageLimit = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: 100, example: 100 }),
    IsOptional(),
    Transform(integerOf),
    IsInt(),
    Min(1),
    Max(MAX_LIMIT),
  );

export const PageCursor = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({
      type: String,
      maxLength: MAX_CURSOR,
      description: '`next` of the page before. It belongs to its query.',
    }),
    IsOptional(),
    IsString(),
    MaxLength(MAX_CURSOR),
  );

/** One page of a list. */
export class PageQueryDto {
  @PageLimit()
  readonly limit?: number;

  @PageCursor()
  readonly cursor?: string;
}

import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsISO8601, IsOptional, IsString, Max, MaxLength, Min, ValidateBy } from 'class-validator';

const MAX_LIMIT = 1_000;
/** Longer than any, and as base64url well below what a request line may have. */
const MAX_CURSOR = 1_024;
const CURSOR = '^[\\w-]+$';

/** Digits only: `Number('')` is 0. */
export const integerOf = ({ value }: { readonly value: unknown }): unknown =>
  typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;

/** Without it, a time of day would be one of the server's time zone. */
const ZONE = /^[\d-]{10}$|(Z|[+-]\d\d:\d\d)$/i;

/** A time as RFC 3339 has it, or a day (UTC). ISO 8601 alone also has weeks and days of the year, of which no instant can be made here. */
export const IsTime = (): PropertyDecorator =>
  applyDecorators(
    IsISO8601({ strict: true, strictSeparator: true }),
    ValidateBy({
      name: 'isTime',
      validator: {
        validate: (value) =>
          typeof value === 'string' && value.length <= 40 && ZONE.test(value) && !Number.isNaN(Date.parse(value)),
        defaultMessage: () => '$property must be a time as in RFC 3339, such as 2026-03-01T12:00:00Z',
      },
    }),
  );

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
      pattern: CURSOR,
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

import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  OmitType,
} from '@nestjs/swagger';
import {
  ADMIN_PROBLEMS,
  ApiProblems,
  auditChange,
  type Caller,
  CallerOf,
  COMMAND_PROBLEMS,
  PATH_PROBLEMS,
  Roles,
} from '@orderstream/service';
import { type Request, type Response } from 'express';
import { PageQueryDto } from '../page-query.dto';
import { withProblems } from '../problems';
import { IdempotencyKey } from '../replays/conditions';
import { type Erasure } from './erasure';
import { subjectOf } from './erasure-log';
import { CreateErasureDto, ErasureDto, ErasureListDto } from './erasure.dto';
import { Erasures } from './erasures';

const DEFAULT_LIMIT = 100;

class ErasureQueryDto extends OmitType(PageQueryDto, ['cursor']) {}

/** Erasure of customers, with receipts. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@Controller('admin/erasures')
export class ErasuresController {
  constructor(private readonly erasures: Erasures) {}

  @Post()
  @Roles('operator')
  @ApiOperation({ summary: 'Erases a customer: deletes rows, redacts dead letters, and says what remains until when.' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: true,
    description: 'A repetition with the same key and customer returns the first erasure.',
    example: '6f1c1f6e-5c39-4d63-8a55-0f0e43a8f2b1',
  })
  @ApiAcceptedResponse({ type: ErasureDto, description: 'It runs: ask for it until it has ended.' })
  @ApiOkResponse({ type: ErasureDto, description: 'The key has created this erasure before.' })
  @ApiProblems(
    withProblems(
      COMMAND_PROBLEMS,
      'idempotency-key-required',
      'idempotency-key-reused',
      'erasures-unavailable',
      'too-many-erasures',
    ),
  )
  async create(
    @IdempotencyKey() key: string,
    @Body() { customerId }: CreateErasureDto,
    @CallerOf() caller: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ErasureDto> {
    const { erasure, isNew } = await this.erasures.create(customerId, key, caller);
    auditChange(request, { subject: subjectOf(erasure.id) });
    response.status(isNew ? 202 : 200).setHeader('Location', `/admin/erasures/${erasure.id}`);
    return viewOf(erasure);
  }

  @Get()
  @Roles('viewer')
  @ApiOperation({ summary: 'Lists the erasures of all consoles, the latest first.' })
  @ApiOkResponse({ type: ErasureListDto })
  @ApiProblems(withProblems({ 400: 'A parameter is invalid.' }, 'erasures-unavailable'))
  list(@Query() { limit = DEFAULT_LIMIT }: ErasureQueryDto): ErasureListDto {
    return { erasures: this.erasures.list(limit).map(viewOf) };
  }

  @Get(':id')
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns an erasure with its receipt.' })
  @ApiParam({ name: 'id', example: '0a4ff3f627a44a0a9d0e6f4f6f2c8d11' })
  @ApiOkResponse({ type: ErasureDto })
  @ApiProblems(withProblems(PATH_PROBLEMS, 'erasure-unknown', 'erasures-unavailable'))
  show(@Param('id') id: string): ErasureDto {
    return viewOf(this.erasures.get(id));
  }
}

/** Without what consoles need to divide the work. */
function viewOf({ id, customer, state, createdBy, createdAt, updatedAt, deadline, steps }: Erasure): ErasureDto {
  return { id, customer, state, createdBy, createdAt, updatedAt, deadline, steps };
}

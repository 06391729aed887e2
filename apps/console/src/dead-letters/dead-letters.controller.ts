import { Controller, Get, Param, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiExtraModels, ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import { type LetterFilter } from '@orderstream/dead-letters';
import { ADMIN_PROBLEMS, ApiProblems, PATH_PROBLEMS, Roles } from '@orderstream/service';
import { type Request } from 'express';
import { isOperator } from '../is-operator';
import { ConsoleProblem, withProblems } from '../problems';
import { DeadLetters } from './dead-letters';
import { LetterFilterDto, letterFilterOf, LetterQueryDto } from './letter-query.dto';
import {
  BinaryBodyDto,
  LetterDetailDto,
  LetterGroupsDto,
  LetterPageDto,
  MaskedBodyDto,
  TextBodyDto,
} from './letter.dto';
import { groupView, letterDetail, letterView } from './letter-view';
import { isOpenField } from './personal-data';

const DEFAULT_LIMIT = 100;
const INVALID = { 400: 'A parameter is invalid.' } as const;

/** The dead letters of every service. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@ApiExtraModels(TextBodyDto, BinaryBodyDto, MaskedBodyDto)
@Controller('admin/dead-letters')
export class DeadLettersController {
  constructor(private readonly deadLetters: DeadLetters) {}

  @Get()
  @Roles('viewer')
  @ApiOperation({ summary: 'Lists dead letters by the time of their failure, a page at a time.' })
  @ApiOkResponse({ type: LetterPageDto })
  @ApiProblems(withProblems(INVALID, 'cursor-rejected', 'filter-rejected', 'field-masked'))
  async list(@Query() query: LetterQueryDto, @Req() request: Request): Promise<LetterPageDto> {
    const { order = 'newest', limit = DEFAULT_LIMIT, cursor } = query;
    const filter = this.filterOf(query, request);
    const { letters, next } = await this.deadLetters.search.page(filter, order, { limit, cursor }, letterView);
    return { letters, ...(next === undefined ? {} : { next }), index: this.deadLetters.indexState() };
  }

  @Get('groups')
  @Roles('viewer')
  @ApiOperation({ summary: 'Groups dead letters by fingerprint: how many failed alike, when, and the latest of them.' })
  @ApiOkResponse({ type: LetterGroupsDto })
  @ApiProblems(withProblems(INVALID, 'filter-rejected', 'field-masked', 'filter-too-wide'))
  async groups(@Query() query: LetterFilterDto, @Req() request: Request): Promise<LetterGroupsDto> {
    const filter = this.filterOf(query, request);
    const groups = await this.deadLetters.search.groups(filter);
    return { groups: groups.map(groupView), index: this.deadLetters.indexState() };
  }

  @Get(':topic/:partition/:offset')
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns a dead letter with its headers and its body. A viewer sees personal data masked.' })
  @ApiParam({ name: 'topic', example: 'marketplace.orders.raw.v1.dlq.validator' })
  @ApiParam({ name: 'partition', schema: { type: 'integer' }, example: 3 })
  @ApiParam({ name: 'offset', schema: { type: 'integer' }, example: 1_842 })
  @ApiOkResponse({ type: LetterDetailDto })
  @ApiProblems(withProblems(PATH_PROBLEMS, 'letter-unknown'))
  async show(
    @Param('topic') topic: string,
    @Param('partition') partition: string,
    @Param('offset') offset: string,
    @Req() request: Request,
  ): Promise<LetterDetailDto> {
    const id = `${topic}/${partition}/${offset}`;
    if (!isInteger(partition) || !isInteger(offset) || !this.deadLetters.hasTopic(topic)) {
      throw new ConsoleProblem('letter-unknown', `There is no dead letter ${id.slice(0, 300)}.`);
    }
    const place = { topic, partition: Number(partition), offset: Number(offset) };
    const { letter, record } = await this.deadLetters.search.show(place);
    return letterDetail(letter, record, isOperator(request));
  }

  /** @throws ConsoleProblem filter-rejected, field-masked */
  private filterOf(query: LetterFilterDto, request: Request): LetterFilter {
    const filter = letterFilterOf(query);
    assertMayFilter(Object.keys(filter.fields ?? {}), request);
    if (filter.topic !== undefined && !this.deadLetters.hasTopic(filter.topic)) {
      throw new ConsoleProblem(
        'filter-rejected',
        `${JSON.stringify(filter.topic.slice(0, 300))} is not a dead-letter topic, such as marketplace.orders.raw.v1.dlq.validator, a parked one, or one of FOREIGN_DEAD_LETTER_TOPICS.`,
      );
    }
    return filter;
  }
}

const isInteger = (text: string): boolean => /^\d{1,15}$/.test(text);

/** A filter by a masked field would reveal its value. */
function assertMayFilter(fields: readonly string[], request: Request): void {
  const masked = fields.filter((name) => !isOpenField(name));
  if (masked.length === 0 || isOperator(request)) return;
  throw new ConsoleProblem(
    'field-masked',
    `A viewer cannot filter by ${masked.map((name) => JSON.stringify(name.slice(0, 100))).join(', ')}: the field is personal, or in no contract. Ask an operator.`,
  );
}

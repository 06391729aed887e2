import { applyDecorators, Body, Controller, Delete, Get, HttpStatus, Param, Put, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import { RULE_CODES, type RuleCode } from '@orderstream/contracts';
import { allowedActions } from '@orderstream/quality';
import {
  ADMIN_PROBLEMS,
  ApiProblems,
  Audited,
  type Caller,
  CallerOf,
  COMMAND_PROBLEMS,
  PATH_PROBLEMS,
  ProblemException,
  RequiredRevision,
  REVISION_PROBLEMS,
  Roles,
  setRevision,
} from '@orderstream/service';
import type { Response } from 'express';
import { RunTimeRules } from '../rules/run-time-rules';
import { BreakerDto, RuleDto, SetBreakerDto, SetRuleDto } from './rules.dto';

const RULE_PARAM = { name: 'code', enum: RULE_CODES, example: 'time.too_late' } as const;
const NO_RULE = { 404: 'There is no such rule.' } as const;

/** A change that replaces a revision. It is stored together with its audit entry. */
const Change = (): MethodDecorator =>
  applyDecorators(
    Roles('operator'),
    Audited({ when: () => 'with-change' }),
    ApiHeader({
      name: 'If-Match',
      required: false,
      description:
        'The ETag that the change replaces: `"0"` of what was never changed (or `If-None-Match: *`). Required.',
      schema: { type: 'string', example: '"0"' },
    }),
    ApiProblems({ ...COMMAND_PROBLEMS, ...REVISION_PROBLEMS, 428: 'The change needs If-Match.' }),
  );

/**
 * The rules and the circuit breaker, for all instances of the validator: each applies a change from its next batch on. The
 * header `quality-settings` of a validated record has the version of the settings that evaluated it.
 */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@Controller('admin')
export class RulesController {
  constructor(private readonly rules: RunTimeRules) {}

  @Get('rules')
  @Roles('viewer')
  @ApiOperation({ summary: 'Lists the quality rules with their actions.' })
  @ApiOkResponse({ type: [RuleDto] })
  list(): readonly RuleDto[] {
    return this.rules.rules();
  }

  @Get('rules/:code')
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns one rule. Its ETag is what a change replaces.' })
  @ApiParam(RULE_PARAM)
  @ApiProblems({ ...PATH_PROBLEMS, ...NO_RULE })
  @ApiOkResponse({ type: RuleDto })
  show(@Param('code') name: string, @Res({ passthrough: true }) response: Response): RuleDto {
    return tagged(this.rules.rule(codeOf(name)), response);
  }

  @Put('rules/:code')
  @Change()
  @ApiOperation({ summary: 'Changes the action of a rule, in every instance.' })
  @ApiParam(RULE_PARAM)
  @ApiBody({
    type: SetRuleDto,
    examples: { reject: { value: { action: 'reject' } }, reset: { value: { action: null } } },
  })
  @ApiProblems(NO_RULE)
  @ApiOkResponse({ type: RuleDto, description: 'The rule after the change.' })
  async change(
    @Param('code') name: string,
    @Body() { action }: SetRuleDto,
    @RequiredRevision() revision: number,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<RuleDto> {
    const code = codeOf(name);
    if (action !== null && !allowedActions(code).includes(action)) {
      throw new ProblemException(
        HttpStatus.BAD_REQUEST,
        `${code} can be ${allowedActions(code).join(', ')}, not ${action}. Nothing was changed.`,
      );
    }
    return tagged(await this.rules.setAction(code, action, revision, caller), response);
  }

  @Get('breaker')
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns the limits of the circuit breaker. Their ETag is what a change replaces.' })
  @ApiOkResponse({ type: BreakerDto })
  breaker(@Res({ passthrough: true }) response: Response): BreakerDto {
    return tagged(this.rules.breaker(), response);
  }

  @Put('breaker')
  @Change()
  @ApiOperation({
    summary: 'Changes the limits of the circuit breaker, in every instance.',
    description: 'A change of the window empties it. A partition that has stopped goes on with POST /admin/resume.',
  })
  @ApiBody({
    type: SetBreakerDto,
    examples: {
      limits: { value: { windowRecords: 5_000, rejectShare: 0.3 } },
      off: { value: { windowRecords: 0, rejectShare: 0.5 } },
    },
  })
  @ApiOkResponse({ type: BreakerDto, description: 'The limits after the change.' })
  async changeBreaker(
    @Body() { windowRecords, rejectShare }: SetBreakerDto,
    @RequiredRevision() revision: number,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<BreakerDto> {
    return tagged(await this.rules.setBreaker({ windowRecords, rejectShare }, revision, caller), response);
  }

  @Delete('breaker')
  @Change()
  @ApiOperation({ summary: 'Puts the limits of the circuit breaker back to those of the environment.' })
  @ApiOkResponse({ type: BreakerDto, description: 'The limits after the change.' })
  async resetBreaker(
    @RequiredRevision() revision: number,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<BreakerDto> {
    return tagged(await this.rules.setBreaker(null, revision, caller), response);
  }
}

/** @throws ProblemException 404 */
function codeOf(name: string): RuleCode {
  const code = RULE_CODES.find((known) => known === name);
  if (code !== undefined) return code;
  throw new ProblemException(HttpStatus.NOT_FOUND, 'There is no such rule. GET /admin/rules lists them.');
}

function tagged<T extends { readonly revision: number }>(resource: T, response: Response): T {
  setRevision(response, resource.revision);
  return resource;
}

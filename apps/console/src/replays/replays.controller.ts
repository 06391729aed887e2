import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res, Sse, UseInterceptors } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
} from '@nestjs/swagger';
import { type Plan, type ReplayPlans } from '@orderstream/dead-letters';
import {
  ADMIN_PROBLEMS,
  actorOf,
  ApiProblems,
  auditChange,
  Audited,
  COMMAND_PROBLEMS,
  PATH_PROBLEMS,
  Roles,
} from '@orderstream/service';
import { type Request, type Response } from 'express';
import { concatMap, finalize, interval, map, merge, type Observable, Subject, takeUntil } from 'rxjs';
import { isOperator } from '../is-operator';
import { PageQueryDto } from '../page-query.dto';
import { ConsoleProblem, withProblems } from '../problems';
import { etagOf, IdempotencyKey, IfMatch } from './conditions';
import { AUDITED_FIELDS, CreateReplayDto, replayRequestOf } from './create-replay.dto';
import { PlanDto, PlanPageDto, ReceiptPageDto } from './plan.dto';
import { auditedPlan, auditedState, planView } from './plan-view';
import { ReplayProblems, problemOf } from './replay-problems';
import { Replays } from './replays';

const DEFAULT_LIMIT = 100;
const MAX_STREAMS = 100;
/** Proxies close a connection that is silent. */
const PING_MS = 15_000;
const INVALID = { 400: 'A parameter is invalid.' } as const;
const ETAG = { ETag: { description: 'The revision of the plan, for If-Match.', schema: { type: 'string' as const } } };
const ID = { name: 'id', example: '0a4ff3f6-27a4-4a0a-9d0e-6f4f6f2c8d11' };

const subjectOf = (id: string): string => `replay.${id}`;
/** Stored before the command runs; the outcome has the states of the plan before and after it. */
const AuditedCommand = (): MethodDecorator =>
  Audited({ subject: ({ params: { id } }) => subjectOf(typeof id === 'string' ? id : '') });

/** An event of `text/event-stream`. */
interface StreamEvent {
  readonly type: 'plan' | 'ping';
  readonly id?: string;
  readonly data: object;
}

const STREAM_EVENT = {
  type: 'object' as const,
  description: 'One event of the stream.',
  required: ['event', 'data'],
  properties: {
    event: { type: 'string' as const, enum: ['plan', 'ping'] },
    id: { type: 'string' as const, description: 'The revision of the plan. Absent from a ping.', example: '3' },
    data: { type: 'string' as const, description: 'JSON: the plan, as GET /admin/replays/{id} answers it, or `{}`.' },
  },
};

/** Plans that send dead letters back. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@UseInterceptors(ReplayProblems)
@Controller('admin/replays')
export class ReplaysController {
  private streams = 0;

  constructor(private readonly replays: Replays) {}

  @Post()
  @Roles('operator')
  @Audited({ fields: AUDITED_FIELDS })
  @ApiOperation({ summary: 'Creates a plan. Nothing is chosen or returned yet.' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: true,
    description: 'A repetition with the same key and body returns the plan of the first.',
    example: '6f1c1f6e-5c39-4d63-8a55-0f0e43a8f2b1',
  })
  @ApiCreatedResponse({ type: PlanDto, headers: ETAG })
  @ApiOkResponse({ type: PlanDto, headers: ETAG, description: 'The key has created this plan before.' })
  @ApiProblems(
    withProblems(
      COMMAND_PROBLEMS,
      'idempotency-key-required',
      'idempotency-key-reused',
      'plan-invalid',
      'topic-missing',
    ),
  )
  async create(
    @IdempotencyKey() key: string,
    @Body() body: CreateReplayDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PlanDto> {
    const { plan, isNew } = await this.replays.opened().create(replayRequestOf(body), nameOf(request), key);
    const after = auditedPlan(plan);
    auditChange(request, { subject: subjectOf(plan.id), before: isNew ? null : after, after });
    response.status(isNew ? 201 : 200).setHeader('Location', `/admin/replays/${plan.id}`);
    return this.answer(plan, request, response);
  }

  @Get()
  @Roles('viewer')
  @ApiOperation({ summary: 'Lists the plans of all consoles, the latest first.' })
  @ApiOkResponse({ type: PlanPageDto })
  @ApiProblems(withProblems(INVALID, 'cursor-rejected'))
  list(@Query() { limit = DEFAULT_LIMIT, cursor }: PageQueryDto, @Req() request: Request): PlanPageDto {
    const { plans, next } = this.replays.page(limit, cursor);
    return {
      plans: plans.map((plan) => planView(plan, [], isOperator(request))),
      ...(next === undefined ? {} : { next }),
    };
  }

  @Get(':id')
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns a plan.' })
  @ApiParam(ID)
  @ApiOkResponse({ type: PlanDto, headers: ETAG })
  @ApiProblems(withProblems(PATH_PROBLEMS, 'plan-unknown'))
  show(
    @Param('id') id: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PlanDto> {
    return this.answer(this.replays.opened().get(id), request, response);
  }

  @Post(':id/preview')
  @HttpCode(200)
  @Roles('operator')
  @AuditedCommand()
  @ApiOperation({ summary: 'Chooses the letters of the plan, and evaluates them with the rules as they are now.' })
  @ApiParam(ID)
  @ApiOkResponse({ type: PlanDto, headers: ETAG, description: 'The plan, which is `previewing`.' })
  @ApiProblems(withProblems(COMMAND_PROBLEMS, 'plan-unknown', 'plan-state', 'topic-missing', 'plan-too-large'))
  preview(
    @Param('id') id: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PlanDto> {
    return this.command(id, request, response, (plans, actor) => plans.preview(id, actor));
  }

  @Post(':id/start')
  @HttpCode(200)
  @Roles('operator')
  @AuditedCommand()
  @ApiOperation({ summary: 'Starts a plan that is ready, or goes on with one that is paused.' })
  @ApiParam(ID)
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the plan as it was seen.', example: '"3"' })
  @ApiOkResponse({ type: PlanDto, headers: ETAG })
  @ApiProblems(
    withProblems(
      COMMAND_PROBLEMS,
      'plan-unknown',
      'plan-state',
      'topic-missing',
      'condition-invalid',
      'revision-required',
      'revision-stale',
    ),
  )
  start(
    @Param('id') id: string,
    @IfMatch() revision: number,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PlanDto> {
    return this.command(id, request, response, (plans, actor) => plans.start(id, revision, actor));
  }

  @Post(':id/pause')
  @HttpCode(200)
  @Roles('operator')
  @AuditedCommand()
  @ApiOperation({ summary: 'Pauses a plan that waits or runs. A start goes on.' })
  @ApiParam(ID)
  @ApiOkResponse({ type: PlanDto, headers: ETAG })
  @ApiProblems(withProblems(COMMAND_PROBLEMS, 'plan-unknown', 'plan-state'))
  pause(
    @Param('id') id: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PlanDto> {
    return this.command(id, request, response, (plans, actor) => plans.pause(id, actor));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @Roles('operator')
  @AuditedCommand()
  @ApiOperation({ summary: 'Ends a plan. What it has returned stays returned, and has its receipts.' })
  @ApiParam(ID)
  @ApiOkResponse({ type: PlanDto, headers: ETAG })
  @ApiProblems(withProblems(COMMAND_PROBLEMS, 'plan-unknown', 'plan-state'))
  cancel(
    @Param('id') id: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PlanDto> {
    return this.command(id, request, response, (plans, actor) => plans.cancel(id, actor));
  }

  @Get(':id/receipts')
  @Roles('viewer')
  @ApiOperation({ summary: 'Lists what happened to each letter of a plan.' })
  @ApiParam(ID)
  @ApiOkResponse({ type: ReceiptPageDto })
  @ApiProblems(withProblems(INVALID, 'plan-unknown', 'cursor-rejected'))
  receipts(@Param('id') id: string, @Query() { limit = DEFAULT_LIMIT, cursor }: PageQueryDto): Promise<ReceiptPageDto> {
    return this.replays.opened().receipts(id, { limit, cursor });
  }

  @Sse(':id/events')
  @Roles('viewer')
  @ApiOperation({
    summary: 'Streams the plan: an event `plan` now and for each change, until the plan has ended; `ping` every 15 s.',
  })
  @ApiParam(ID)
  @ApiProduces('text/event-stream')
  @ApiOkResponse({
    description: 'Server-sent events.',
    content: { 'text/event-stream': { schema: STREAM_EVENT } },
  })
  @ApiProblems(withProblems({ ...PATH_PROBLEMS, 503: ADMIN_PROBLEMS[503] }, 'plan-unknown', 'too-many-streams'))
  events(@Param('id') id: string, @Req() request: Request): Observable<StreamEvent> {
    if (this.streams >= MAX_STREAMS) {
      throw new ConsoleProblem(
        'too-many-streams',
        `${String(MAX_STREAMS)} streams are open. Ask for the plan instead.`,
      );
    }
    const maySeePersonalData = isOperator(request);
    const ended = new Subject<void>();
    const changes = this.changesOf(id).pipe(
      concatMap(async (plan): Promise<StreamEvent> => {
        const data = planView(plan, await this.replays.samplesOf(plan), maySeePersonalData);
        return { type: 'plan', id: String(plan.revision), data };
      }),
      finalize(() => {
        ended.next();
      }),
    );
    const pings = interval(PING_MS).pipe(
      map((): StreamEvent => ({ type: 'ping', data: {} })),
      takeUntil(ended),
    );
    this.streams++;
    return merge(changes, pings).pipe(
      finalize(() => {
        this.streams--;
      }),
    );
  }

  /** Before the stream begins: an unknown plan is answered with a problem. */
  private changesOf(id: string): Observable<Plan> {
    try {
      return this.replays.opened().changes(id);
    } catch (error) {
      throw problemOf(error);
    }
  }

  private async command(
    id: string,
    request: Request,
    response: Response,
    carryOut: (plans: ReplayPlans, actor: string) => Promise<Plan>,
  ): Promise<PlanDto> {
    const plans = this.replays.opened();
    auditChange(request, { before: auditedState(plans.get(id)) });
    const plan = await carryOut(plans, nameOf(request));
    auditChange(request, { after: auditedState(plan) });
    return this.answer(plan, request, response);
  }

  private async answer(plan: Plan, request: Request, response: Response): Promise<PlanDto> {
    response.setHeader('ETag', etagOf(plan.revision));
    return planView(plan, await this.replays.samplesOf(plan), isOperator(request));
  }
}

const nameOf = (request: Request): string => actorOf(request)?.name ?? 'unknown';

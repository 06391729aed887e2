import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, auditChange, Audited, COMMAND_PROBLEMS, Roles } from '@orderstream/service';
import { type Request, type Response } from 'express';
import { BatchService } from './batch-service';
import { RunDto, RunListDto } from './run-view.dto';
import { RunParameter, RunsQuery, StartRunDto } from './runs.dto';

const INVALID = { 400: 'A parameter is invalid.' } as const;
const NOT_FOUND = { 404: 'There is no such run.' } as const;
const DEFAULT_LIMIT = 100;

const subjectOf = (id: string): string => `run.${id}`;
/** Stored before the command runs; the outcome has the states of the run before and after it. */
const AuditedCommand = (): MethodDecorator =>
  Audited({ subject: ({ params: { id } }) => subjectOf(typeof id === 'string' ? id : '') });

/** The runs of the batch. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@Controller('admin/runs')
export class RunsController {
  constructor(private readonly batch: BatchService) {}

  @Get()
  @Roles('viewer')
  @ApiOperation({ summary: 'Lists the runs, the newest first.' })
  @ApiOkResponse({ type: RunListDto })
  @ApiProblems(INVALID)
  async list(@Query() { limit = DEFAULT_LIMIT }: RunsQuery): Promise<RunListDto> {
    return { runs: await this.batch.list(limit) };
  }

  @Get(':id')
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns a run with the last attempt of each block.' })
  @ApiOkResponse({ type: RunDto })
  @ApiProblems({ ...INVALID, ...NOT_FOUND })
  show(@Param() { id }: RunParameter): Promise<RunDto> {
    return this.batch.show(id);
  }

  @Post()
  @HttpCode(202)
  @Roles('operator')
  @Audited({ body: StartRunDto })
  @ApiOperation({
    summary: 'Starts a run for each month or day of a range. They run one after the other.',
    description:
      'A run is identified by its scheduled time and its days: with scheduledAt, the command can be repeated. A run that has failed goes on.',
  })
  @ApiBody({
    type: StartRunDto,
    examples: { month: { value: { from: '2026-01-01', to: '2026-01-31', scheduledAt: '2026-02-01T02:00:00Z' } } },
  })
  @ApiResponse({ status: 202, type: RunListDto, description: 'The runs wait, or run.' })
  @ApiOkResponse({ type: RunListDto, description: 'All of them have succeeded before.' })
  @ApiProblems(COMMAND_PROBLEMS)
  async start(
    @Body() body: StartRunDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<RunListDto> {
    const { runs, isNew } = await this.batch.start(body);
    const [first] = runs;
    if (runs.length === 1 && first !== undefined) auditChange(request, { subject: subjectOf(first.id) });
    if (!isNew) response.status(200);
    return { runs };
  }

  @Post(':id/resume')
  @HttpCode(202)
  @Roles('operator')
  @AuditedCommand()
  @ApiOperation({ summary: 'Goes on with a run at its first block that has not succeeded.' })
  @ApiResponse({ status: 202, type: RunDto })
  @ApiProblems({ ...COMMAND_PROBLEMS, ...NOT_FOUND })
  resume(@Param() { id }: RunParameter, @Req() request: Request): Promise<RunDto> {
    return this.audited(id, request, () => this.batch.resumeRun(id));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @Roles('operator')
  @AuditedCommand()
  @ApiOperation({
    summary: 'Cancels a run. The table stays as it was.',
    description: 'A run that a process carries out ends within seconds: look again.',
  })
  @ApiOkResponse({ type: RunDto })
  @ApiProblems({ ...COMMAND_PROBLEMS, ...NOT_FOUND })
  cancel(@Param() { id }: RunParameter, @Req() request: Request): Promise<RunDto> {
    return this.audited(id, request, () => this.batch.cancel(id));
  }

  private async audited(id: string, request: Request, command: () => Promise<RunDto>): Promise<RunDto> {
    const { state } = await this.batch.show(id);
    auditChange(request, { before: { state } });
    const run = await command();
    auditChange(request, { after: { state: run.state } });
    return run;
  }
}

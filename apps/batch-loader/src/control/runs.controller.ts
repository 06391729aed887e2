import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, COMMAND_PROBLEMS, Roles } from '@orderstream/service';
import { BatchService } from './batch-service';
import { RunParameter, RunsQuery, StartRunDto } from './runs.dto';

const NOT_FOUND = { 404: 'There is no such run.' } as const;

/** The runs of the batch. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@Controller('admin/runs')
export class RunsController {
  constructor(private readonly batch: BatchService) {}

  @Get()
  @Roles('viewer')
  @ApiOperation({ summary: 'Lists the runs, the newest first.' })
  async list(@Query() { limit = 100 }: RunsQuery): Promise<object> {
    return { runs: await this.batch.list(limit) };
  }

  @Get(':id')
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns a run with its blocks and events.' })
  @ApiProblems(NOT_FOUND)
  show(@Param() { id }: RunParameter): Promise<object> {
    return this.batch.show(id);
  }

  @Post()
  @HttpCode(202)
  @Roles('operator')
  @ApiOperation({ summary: 'Starts a run for each month or day of a range. They run one after the other.' })
  @ApiProblems(COMMAND_PROBLEMS)
  start(@Body() body: StartRunDto): object {
    return { ids: this.batch.start(body) };
  }

  @Post(':id/resume')
  @HttpCode(202)
  @Roles('operator')
  @ApiOperation({ summary: 'Goes on with a run at its first block that has not succeeded.' })
  @ApiProblems({ ...COMMAND_PROBLEMS, ...NOT_FOUND })
  resume(@Param() { id }: RunParameter): Promise<object> {
    return this.batch.resume(id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Cancels a run. The table stays as it was.' })
  @ApiProblems({ ...COMMAND_PROBLEMS, ...NOT_FOUND })
  cancel(@Param() { id }: RunParameter): Promise<object> {
    return this.batch.cancel(id);
  }
}

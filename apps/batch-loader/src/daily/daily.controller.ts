import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, Roles } from '@orderstream/service';
import { type DailyRun } from './daily-run';
import { DailySchedule } from './daily-schedule';

class RefreshDto {
  @ApiProperty({ description: 'DAILY_REFRESH_MINUTES; 0: never.', example: 15 })
  readonly everyMinutes: number;

  @ApiProperty({
    description: 'Start of the last build that succeeded.',
    type: String,
    nullable: true,
    format: 'date-time',
  })
  readonly builtAsOf: string | null;

  @ApiProperty({ description: 'Of the last build, if it failed.', type: String, nullable: true })
  readonly error: string | null;
}

/** Documents `/admin/daily`. */
class DailyStatusDto {
  @ApiProperty({ description: 'BATCH_SCHEDULE, in UTC.', type: String, nullable: true, example: '0 2 * * *' })
  readonly schedule: string | null;

  @ApiProperty({ type: String, nullable: true, format: 'date-time' })
  readonly nextRun: string | null;

  @ApiProperty({ description: 'Id of the run that this instance is carrying out.', type: String, nullable: true })
  readonly running: string | null;

  @ApiProperty({
    description: 'Builds of the models between the daily runs, by this instance. null without a schedule.',
    type: RefreshDto,
    nullable: true,
  })
  readonly refresh: RefreshDto | null;

  @ApiProperty({ description: 'The latest runs, also of other processes.', type: 'array', items: { type: 'object' } })
  readonly runs: readonly DailyRun[];
}

/** The daily runs. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@Controller('admin/daily')
export class DailyController {
  constructor(private readonly schedule: DailySchedule) {}

  @Get()
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns the schedule of the daily run, its next time, and the latest runs.' })
  @ApiOkResponse({ type: DailyStatusDto })
  async status(): Promise<DailyStatusDto> {
    return { ...this.schedule.status(), runs: await this.schedule.latest() };
  }
}

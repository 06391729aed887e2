import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, Roles } from '@orderstream/service';
import { Overview } from './overview';
import { OverviewDto } from './overview.dto';

/** What every service does. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@Controller('admin/overview')
export class OverviewController {
  constructor(private readonly overview: Overview) {}

  @Get()
  @Roles('viewer')
  @ApiOperation({ summary: 'Asks every service for its health, status, lag, rates and freshness.' })
  @ApiOkResponse({ type: OverviewDto, description: 'A service that does not answer in time is `unreachable`.' })
  async show(): Promise<OverviewDto> {
    return { at: new Date().toISOString(), services: await this.overview.ask() };
  }
}

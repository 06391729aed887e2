import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, Roles } from '@orderstream/service';
import { withProblems } from '../problems';
import { AuditLog, type AuditPage } from './audit-log';
import { AuditPageDto, AuditQueryDto } from './audit.dto';

const DEFAULT_LIMIT = 100;

/** Who changed what. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@Controller('admin/audit')
export class AuditController {
  constructor(private readonly audit: AuditLog) {}

  @Get()
  @Roles('viewer')
  @ApiOperation({ summary: 'Lists the changes that operators made, or tried to make, the latest first.' })
  @ApiOkResponse({ type: AuditPageDto })
  @ApiProblems(
    withProblems({ 400: 'A parameter is invalid.', 503: ADMIN_PROBLEMS[503] }, 'cursor-rejected', 'audit-unavailable'),
  )
  list(@Query() { actor, action, from, to, limit = DEFAULT_LIMIT, cursor }: AuditQueryDto): Promise<AuditPage> {
    const time = (text: string | undefined): Date | undefined => (text === undefined ? undefined : new Date(text));
    return this.audit.page({ actor, action, from: time(from), to: time(to) }, limit, cursor);
  }
}

import { Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, Audited, COMMAND_PROBLEMS, Roles } from '@orderstream/service';
import { BqSinkService } from '../bq-sink.service';
import { FlushDto } from './flush.dto';

/** Writes what the sink has taken at once. */
@ApiBearerAuth()
@ApiProblems({ ...ADMIN_PROBLEMS, ...COMMAND_PROBLEMS })
@Controller('admin')
export class FlushController {
  constructor(private readonly sink: BqSinkService) {}

  @Post('flush')
  @HttpCode(200)
  @Roles('operator')
  @Audited({})
  @ApiOperation({
    summary: 'Appends and commits what this instance has taken, without waiting for the linger time.',
    description: 'Answers when it is committed, within 20 s. Records that are taken meanwhile are not waited for.',
  })
  @ApiOkResponse({ type: FlushDto })
  flush(): Promise<FlushDto> {
    return this.sink.flush();
  }
}

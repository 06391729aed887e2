import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, COMMAND_PROBLEMS, Roles } from '@orderstream/service';
import { Generator } from '../generator';
import { GeneratorStatusDto } from './generator-status.dto';
import { SetRateDto } from './set-rate.dto';

/** The generator's commands beside those of every service. */
@ApiBearerAuth()
@ApiProblems({ ...ADMIN_PROBLEMS, ...COMMAND_PROBLEMS })
@ApiOkResponse({ type: GeneratorStatusDto, description: 'The status after the command.' })
@Controller('admin')
export class GeneratorController {
  constructor(private readonly generator: Generator) {}

  @Post('start')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Continue a stopped run, or start a new run after a finished one.' })
  async start(): Promise<object> {
    await this.generator.resume();
    return this.generator.status();
  }

  @Post('stop')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Stop sending records, and wait for the acknowledgements of those already sent.' })
  async stop(): Promise<object> {
    await this.generator.pause();
    return this.generator.status();
  }

  @Post('rate')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Set the rate until the next start of the service.' })
  rate(@Body() { eventsPerSecond }: SetRateDto): object {
    this.generator.setRate(eventsPerSecond);
    return this.generator.status();
  }
}

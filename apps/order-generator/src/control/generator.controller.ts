import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation } from '@nestjs/swagger';
import { Roles } from '@orderstream/service';
import { Generator } from '../generator';
import { SetRateDto } from './set-rate.dto';

/** What the generator can be told, beside what every service can. */
@ApiBearerAuth()
@Controller('admin')
export class GeneratorController {
  constructor(private readonly generator: Generator) {}

  @Post('start')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Go on where it was stopped, or begin another run where one was finished.' })
  async start(): Promise<object> {
    await this.generator.resume();
    return this.generator.status();
  }

  @Post('stop')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Send nothing more; what was sent is waited for.' })
  async stop(): Promise<object> {
    await this.generator.pause();
    return this.generator.status();
  }

  @Post('rate')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Set the rate, until the next start of the service.' })
  rate(@Body() { eventsPerSecond }: SetRateDto): object {
    this.generator.setRate(eventsPerSecond);
    return this.generator.status();
  }
}

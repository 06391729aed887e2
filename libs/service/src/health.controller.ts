import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Health, type HealthReport } from '@orderstream/observability';
import { type Response } from 'express';
import { Open } from './roles.guard';
import { HEALTH } from './tokens';

interface HealthBody extends Omit<HealthReport, 'ok'> {
  readonly status: 'ok' | 'failing';
}

/** Answers 200 when all checks are ok and 503 otherwise, with the result of each check. */
@Open()
@ApiExcludeController()
@Controller('health')
export class HealthController {
  constructor(@Inject(HEALTH) private readonly health: Health) {}

  @Get('live')
  @Header('Cache-Control', 'no-store')
  live(@Res({ passthrough: true }) response: Response): HealthBody {
    return respond(this.health.liveness(), response);
  }

  @Get('ready')
  @Header('Cache-Control', 'no-store')
  ready(@Res({ passthrough: true }) response: Response): HealthBody {
    return respond(this.health.readiness(), response);
  }
}

function respond({ ok, checks }: HealthReport, response: Response): HealthBody {
  response.status(ok ? 200 : 503);
  return { status: ok ? 'ok' : 'failing', checks };
}

import { Body, Controller, Injectable, Module, Put } from '@nestjs/common';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { ApiProperty } from '@nestjs/swagger';
import { defineSettings, serviceSettings } from '@orderstream/config';
import { createLogger } from '@orderstream/observability';
import { IsInt, Min } from 'class-validator';
import { FakeProcess, type LogLine, LogLines, TOKENS } from '../../../test/support/fake-process';
import { runService, SERVICE_CONTROL, type ServiceDefinition } from '../src';

const settings = defineSettings({ service: serviceSettings });

export class RateDto {
  @ApiProperty()
  @IsInt()
  @Min(0)
  rate: number;
}

export class StatusDto {
  @ApiProperty()
  paused: boolean;
}

@Controller('admin/rate')
class RateController {
  @Put()
  set(@Body() body: RateDto): RateDto {
    return body;
  }
}

@Controller('forgotten')
class UnguardedController {
  @Put()
  anything(): string {
    return 'reached';
  }
}

@Injectable()
export class Control {
  private paused = false;
  status(): object {
    return { paused: this.paused };
  }
  pause(): Promise<void> {
    this.paused = true;
    return Promise.resolve();
  }
  readonly bodies: unknown[] = [];
  resume(body?: object): Promise<void> {
    this.bodies.push(body);
    this.paused = false;
    return Promise.resolve();
  }
}

@Module({
  controllers: [RateController, UnguardedController],
  providers: [{ provide: SERVICE_CONTROL, useClass: Control }],
})
class AppModule {}

/** A transport that opens and drains when the test says so. */
class SlowServer extends Server implements CustomTransportStrategy {
  readonly opened = Promise.withResolvers<undefined>();
  readonly drained = Promise.withResolvers<undefined>();
  listens = 0;
  closes = 0;

  listen(callback: (error?: unknown) => void): void {
    this.listens += 1;
    this.opened.promise.then(() => {
      callback();
    }, callback);
  }
  async close(): Promise<void> {
    this.closes += 1;
    await this.drained.promise;
  }
  on(): never {
    throw new Error('no events');
  }
  unwrap(): never {
    throw new Error('nothing underneath');
  }
}

export class Run {
  readonly host = new FakeProcess();
  readonly server = new SlowServer();
  readonly ready: Promise<void>;
  private readonly log = new LogLines();

  constructor(env: NodeJS.ProcessEnv = {}, changes: Partial<ServiceDefinition<{ service: never }>> = {}) {
    const logger = createLogger({ service: 'probe', level: 'info', destination: this.log });
    this.ready = runService(
      { name: 'probe', settings, module: () => AppModule, servers: () => [this.server], ...(changes as object) },
      { env: { HTTP_PORT: '0', ADMIN_TOKENS: TOKENS, ...env }, host: this.host, logger },
    );
  }

  get lines(): readonly LogLine[] {
    return this.log.lines;
  }

  line(msg: string): Promise<LogLine> {
    return this.log.line(msg);
  }

  url(): Promise<string> {
    return this.log.url();
  }

  async running(): Promise<string> {
    this.server.opened.resolve(undefined);
    await this.ready;
    return this.url();
  }

  async stop(): Promise<number> {
    this.server.opened.resolve(undefined);
    this.server.drained.resolve(undefined);
    await this.ready;
    this.host.emit('SIGTERM', 'SIGTERM');
    return this.host.exited.promise;
  }
}

/** A service that runs before the first test of a describe and stops after the last. */
export function runDuringTests(): { readonly run: Run; readonly url: string } {
  const service = {} as { run: Run; url: string };
  beforeAll(async () => {
    service.run = new Run();
    service.url = await service.run.running();
  });
  afterAll(async () => {
    await service.run.stop();
  });
  return service;
}

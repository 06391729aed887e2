import { applyDecorators, Body, Controller, Get, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiExtraModels, ApiOkResponse, ApiOperation, getSchemaPath } from '@nestjs/swagger';
import {
  ADMIN_PROBLEMS,
  ApiProblems,
  Audited,
  type Caller,
  CallerOf,
  COMMAND_PROBLEMS,
  Consumes,
  Pauses,
  ProblemException,
  Roles,
  YAML_TYPES,
} from '@orderstream/service';
import { type ChosenScenario, Generator } from '../generator';
import { InvalidScenarioError, UnknownScenarioError } from '../scenarios/errors';
import { GeneratorStatusDto } from './generator-status.dto';
import { ListedScenarioDto, MAX_ORDERS, SetScenarioDto } from './scenario.dto';
import { SetRateDto } from './set-rate.dto';

/** A command of an operator. It answers the status. */
const Command = (path: string): MethodDecorator =>
  applyDecorators(
    Post(path),
    HttpCode(200),
    Roles('operator'),
    ApiProblems(COMMAND_PROBLEMS),
    ApiOkResponse({ type: GeneratorStatusDto, description: 'The status after the command.' }),
  );

/** The generator's commands beside those of every service, and its scenarios. */
@ApiBearerAuth()
@ApiProblems(ADMIN_PROBLEMS)
@ApiExtraModels(SetScenarioDto)
@Controller('admin')
export class GeneratorController {
  constructor(
    private readonly generator: Generator,
    private readonly pauses: Pauses,
  ) {}

  @Command('start')
  @Audited({ when: () => 'after' })
  @ApiOperation({
    summary: 'Continue a stopped run, or start a new run after a finished one.',
    description: 'The same as POST /admin/resume.',
  })
  async start(@CallerOf() caller: Caller): Promise<object> {
    await this.pauses.resume(undefined, caller);
    return this.generator.status();
  }

  @Command('stop')
  @Audited({ when: () => 'with-change' })
  @ApiOperation({
    summary: 'Stop sending records, and wait for the acknowledgements of those already sent.',
    description: 'The same as POST /admin/pause: the generator stays stopped over a restart.',
  })
  async stop(@CallerOf() caller: Caller): Promise<object> {
    await this.pauses.pauseService(undefined, caller);
    return this.generator.status();
  }

  @Command('rate')
  @Audited({ body: SetRateDto })
  @ApiOperation({ summary: 'Set the rate until the next start of the service.' })
  rate(@Body() { eventsPerSecond }: SetRateDto): object {
    this.generator.setRate(eventsPerSecond);
    return this.generator.status();
  }

  @Get('scenarios')
  @Roles('viewer')
  @ApiOperation({ summary: 'List the scenarios that can be chosen by name.' })
  @ApiOkResponse({ type: [ListedScenarioDto], description: 'Built-in ones and those of GENERATOR_SCENARIO_DIR.' })
  scenarios(): readonly ListedScenarioDto[] {
    return this.generator.scenarios();
  }

  @Command('scenario')
  @Audited({ body: SetScenarioDto })
  @ApiOperation({
    summary: 'Change the scenario until the next start of the service: by name, or a whole one as YAML.',
    description:
      'Open orders go on by the rules of the scenario that they began in. A scenario with problems changes nothing.',
  })
  @Consumes('application/json', ...YAML_TYPES)
  @ApiBody({
    schema: { oneOf: [{ $ref: getSchemaPath(SetScenarioDto) }, { type: 'string' }] },
    examples: { 'by name': { value: { name: 'flash-sale' } } },
  })
  scenario(@Body() body: unknown): object {
    try {
      this.generator.setScenario(scenarioOf(body));
    } catch (error) {
      if (error instanceof InvalidScenarioError) {
        const { code, problems } = error;
        throw new ProblemException(HttpStatus.BAD_REQUEST, 'The scenario has problems; the present one goes on.', {
          code,
          errors: problems.slice(0, MAX_ERRORS),
        });
      }
      if (error instanceof UnknownScenarioError) {
        throw new ProblemException(HttpStatus.BAD_REQUEST, error.message, { code: error.code });
      }
      throw error;
    }
    return this.generator.status();
  }
}

const MAX_ERRORS = 20;

/** @throws ProblemException */
function scenarioOf(body: unknown): ChosenScenario {
  if (typeof body === 'string' && body.trim() !== '') return { yaml: body };
  const { name, maxOrders, ...others } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  if (typeof name === 'string' && isOrders(maxOrders) && Object.keys(others).length === 0) {
    return { name, ...(maxOrders !== undefined && { maxOrders }) };
  }
  throw new ProblemException(
    HttpStatus.BAD_REQUEST,
    'Expected {"name": "..."} with the name of a scenario, and maxOrders if the number of orders is to be another one; ' +
      'or a scenario as application/yaml.',
  );
}

const isOrders = (value: unknown): value is number | undefined =>
  value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_ORDERS);

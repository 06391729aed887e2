import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, Audited, COMMAND_PROBLEMS, Roles } from '@orderstream/service';

import { PubSubBridgeService } from '../pubsub-bridge.service';
import { BridgeStatusDto } from './bridge-status.dto';
import { DismissGapsDto } from './dismiss-gaps.dto';
import { RewindDto } from './rewind.dto';

/** The bridge's commands beside those of every service. */
@ApiBearerAuth()
@ApiProblems({ ...ADMIN_PROBLEMS, ...COMMAND_PROBLEMS })
@Controller('admin')
export class BridgeController {
  constructor(private readonly bridge: PubSubBridgeService) {}

  @Post('rewind')
  @HttpCode(200)
  @Roles('operator')
  @Audited({ body: RewindDto })
  @ApiOperation({ summary: 'Publishes a partition again from an earlier offset. Readers see those orders twice.' })
  @ApiOkResponse({ type: BridgeStatusDto })
  async rewind(@Body() { topic, partition, offset }: RewindDto): Promise<object> {
    await this.bridge.rewind(partition, offset, topic);
    return this.bridge.status();
  }

  @Post('dismiss-gaps')
  @HttpCode(200)
  @Roles('operator')
  @Audited({ body: DismissGapsDto })
  @ApiOperation({ summary: 'Forgets the gaps of a partition whose records were all delivered. Publishes nothing.' })
  @ApiOkResponse({ type: BridgeStatusDto })
  async dismissGaps(@Body() { partition }: DismissGapsDto): Promise<object> {
    await this.bridge.dismissGaps(partition);
    return this.bridge.status();
  }
}

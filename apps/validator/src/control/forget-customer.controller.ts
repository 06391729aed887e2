import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ADMIN_PROBLEMS, ApiProblems, Audited, COMMAND_PROBLEMS, Roles } from '@orderstream/service';
import { ValidatorService } from '../validator.service';
import { ForgetCustomerDto, ForgottenDto } from './forget-customer.dto';

/** Erasure: what the state has of a customer. */
@ApiBearerAuth()
@ApiProblems({ ...ADMIN_PROBLEMS, ...COMMAND_PROBLEMS })
@Controller('admin')
export class ForgetCustomerController {
  constructor(private readonly validator: ValidatorService) {}

  @Post('forget-customer')
  @HttpCode(200)
  @Roles('operator')
  @Audited({ fields: ['customer'] })
  @ApiOperation({
    summary: 'Removes a customer from the state of the partitions that this instance has.',
    description:
      'Tombstones and the unchanged offset are one transaction of the partition. Ask every instance, until each partition has answered; a repetition is harmless.',
  })
  @ApiOkResponse({ type: ForgottenDto })
  forget(@Body() { customer }: ForgetCustomerDto): Promise<ForgottenDto> {
    return this.validator.forgetCustomer(customer);
  }
}

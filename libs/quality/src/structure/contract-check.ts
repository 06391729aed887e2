import { compileChecks, contractsOfFamily, type Family, partitionFor } from '@orderstream/contracts';
import { Findings } from '../rules/findings';
import { qualitySettings } from '../settings';
import type { RawRecord, Reason } from '../verdict';
import { Structure } from './structure';

/** The structure rules of one family alone, with their default actions: whether a record meets its contract. */
export class ContractCheck {
  private readonly structure: Structure;
  private readonly findings: Findings;

  constructor(family: Family) {
    const { actions, maxRecordBytes } = qualitySettings();
    const contracts = new Map(contractsOfFamily(family).map((contract) => [contract.type, contract]));
    this.structure = new Structure(contracts, compileChecks(), maxRecordBytes, (key) => partitionFor(key));
    this.findings = new Findings(actions);
  }

  /** Every violation of the contract; empty if there is none. */
  problemsOf(record: RawRecord): readonly Reason[] {
    this.findings.reset();
    this.structure.check(record, this.findings);
    const verdict = this.findings.verdict(undefined);
    return verdict.kind === 'reject' ? verdict.reasons : [];
  }
}

import { type Rng } from '@orderstream/random';
import { type SimulatedRecord } from '../simulation/record';
import { type Defect, type Moment } from './defect';
import { DRIFT_DEFECTS } from './drift';
import { DUPLICATE_DEFECTS } from './duplicates';
import { INVALID_FIELD_DEFECTS } from './invalid-field';
import { LIFECYCLE_DEFECTS } from './lifecycle';
import { MALFORMED_DEFECTS } from './malformed';
import { RECORD_SHAPE_DEFECTS } from './record-shape';
import { REFERENCE_DEFECTS } from './references';
import { TIME_DEFECTS } from './time';
import { UNKNOWN_TYPE_DEFECTS } from './unknown-type';

/** All defects. Adding one, or changing a weight, changes the content of every sequence with defects. */
export const DEFECTS: readonly Defect[] = [
  ...MALFORMED_DEFECTS,
  ...UNKNOWN_TYPE_DEFECTS,
  ...INVALID_FIELD_DEFECTS,
  ...RECORD_SHAPE_DEFECTS,
  ...TIME_DEFECTS,
  ...DUPLICATE_DEFECTS,
  ...REFERENCE_DEFECTS,
  ...DRIFT_DEFECTS,
  ...LIFECYCLE_DEFECTS,
];

const TOTAL_WEIGHT = DEFECTS.reduce((sum, { weight }) => sum + weight, 0);
const TRIES = 3;

function choose(rng: Rng): Defect | undefined {
  let roll = rng.fraction() * TOTAL_WEIGHT;
  return DEFECTS.find(({ weight }) => (roll -= weight) < 0);
}

/** A record with a random defect by weight; undefined if the marketplace lacks what the chosen ones need. */
export function makeDefect(moment: Moment): SimulatedRecord | undefined {
  for (let tried = 0; tried < TRIES; tried++) {
    const record = choose(moment.market.rng)?.make(moment);
    if (record !== undefined) return record;
  }
  return undefined;
}

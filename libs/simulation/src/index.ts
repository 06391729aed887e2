export { Marketplace, SIMULATION_VERSION } from './marketplace';
export { type HistoricalOrder, History } from './history';
export { EventCursor } from './cursor/event-cursor';
export { type Checkpoint, type OpenJourneys, type Rate, type Segment } from './cursor/segment';
export { encodeBody, type NumberedEvent, type SimulatedEvent } from './simulated-event';
export { type Effect, type Scenario } from './scenario/schema';
export { parseScenario, type ParsedScenario, problemText, type ScenarioProblem } from './scenario/parse-scenario';
export { renderScenariosDoc } from './scenario/scenarios-doc';
export { SegmentMismatchError } from './errors';
export { type Intent, type SimulatedRecord } from './records/simulated-record';
export { defectRateOf } from './records/defects/defect-plan';
export { RecordCursor, type RecordCheckpoint } from './records/record-cursor';
export { expectedFindings, type Findings, type Occurrence } from './records/expected-verdict';
export { isPerfect, renderScore, type RuleScore, Score, type ScoreReport } from './score/score';
export {
  addLine,
  followsFile,
  formatJournalLine,
  JOURNAL_FILE,
  type JournaledSegment,
  JournalFormatError,
  type JournalLine,
  type JournalPosition,
  parseJournal,
  parsePosition,
  POSITION_FILE,
} from './journal/journal';

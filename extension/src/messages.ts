/**
 * Messages between the server extension and this page; the server's `messages.py` says the same in Python.
 *
 * What is null there is absent here. Moments are ISO 8601 in UTC.
 */

export type State =
  'queued' | 'rehearsing' | 'running' | 'scoring' | 'scored' | 'failed' | 'refused' | 'cancelled';

/** States that no transition leads out of. */
export const FINAL: ReadonlySet<State> = new Set<State>(['scored', 'failed', 'refused', 'cancelled']);

export interface IFinding {
  file: string;
  expected: string;
  found: string;
  key: string;
  line?: number;
  cell?: number;
  level: 'error' | 'warning';
}

export interface IProblem {
  code: string;
  message: string;
  hint: string;
  findings?: IFinding[];
}

export interface IKit {
  gateway: string;
  challenge: string;
  title: string;
  folder: string;
  path?: string;
  overview?: string;
  data?: string;
  notebook?: string;
  kernel: string;
  /** A competition: `gateway` is its Codabench server, `challenge` its number there. */
  codabench: boolean;
}

export interface IPhase {
  name: string;
  starts: string;
  ends?: string;
}

export interface IMetric {
  name: string;
  higher_is_better: boolean;
  decimals: number;
  primary: boolean;
}

export interface IQuota {
  phase: string;
  used_today: number;
  per_day?: number;
  used_total: number;
  total?: number;
  resets_at: string;
  revealed_bits: number;
  budget_bits?: number;
  challenge_bits?: number;
  challenge_budget_bits?: number;
  data_budget_bits?: number;
}

export interface IPreview {
  kit: IKit;
  findings: IFinding[];
  phase?: string;
  phases: IPhase[];
  quota?: IQuota;
  most_bits?: number;
  budget_bits?: number;
  problem?: IProblem;
}

export interface ISend {
  path: string;
  /** The folder of a competition, where the notebook's own is not meant. */
  target?: string;
  phase?: string;
  name: string;
  note: string;
  override: boolean;
}

export interface IFailure {
  stage: string;
  cell?: number;
  reason?: string;
}

export type Scores = Readonly<Record<string, number>>;

export interface ISubmission {
  id: string;
  gateway: string;
  challenge: string;
  phase: string;
  participant: string;
  state: State;
  version: number;
  attempt: number;
  counted: boolean;
  created_at: string;
  updated_at: string;
  rehearsed: boolean;
  has_log: boolean;
  has_receipt: boolean;
  queue_position?: number;
  scores?: Scores;
  failure?: IFailure;
  disqualified?: string;
  name: string;
  note: string;
  notebook?: string;
  kept: boolean;
  verified: boolean;
  explanation: string;
  next_step: string;
  /** What a Codabench server calls its state, and what it adds; empty elsewhere. */
  said: string;
  details: string;
  problem?: IProblem;
}

export interface ILog {
  title: string;
  text: string;
}

export interface IBoardRow {
  rank: number;
  participant: string;
  scores: Scores;
  submitted_at: string;
  submissions: number;
}

export interface IBoard {
  gateway: string;
  challenge: string;
  phase: string;
  primary: string;
  higher_is_better: boolean;
  hidden: boolean;
  participants: number;
  rows: IBoardRow[];
  me?: string;
}

export interface IChallenge {
  kit: IKit;
  summary: string;
  me?: string;
  phases: IPhase[];
  open_phase?: string;
  metrics: IMetric[];
  quota?: IQuota;
  most_bits?: number;
  budget_bits?: number;
  kit_is_current: boolean;
  server_time: string;
}

export interface IWho {
  gateway: string;
  name?: string;
}

export interface IOffer {
  challenge: string;
  title: string;
  summary: string;
  open_phase?: string;
  metric: string;
  kit_bytes: number;
  kit_sha256: string;
  joined?: IKit;
}

export interface IJoin {
  gateway: string;
  challenge: string;
  folder?: string;
  checksum?: string;
}

export interface IJob {
  id: string;
  kind: 'join' | 'rehearsal';
  title: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  line: string;
  kit?: IKit;
  path?: string;
  cell?: number;
  reason?: string;
  seconds?: number;
  explanation: string;
  contained: boolean;
  log: string;
  problem?: IProblem;
}

export interface IEvent {
  kind: 'challenge' | 'submissions' | 'board' | 'problem' | 'job' | 'alive';
  gateway: string;
  challenge: string;
  view?: IChallenge;
  submissions: ISubmission[];
  whole: boolean;
  board?: IBoard;
  problem?: IProblem;
  job?: IJob;
}

import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import {
  FINAL,
  type IBoard,
  type IChallenge,
  type IEvent,
  type IJob,
  type IKit,
  type IProblem,
  type ISubmission
} from './messages';
import type { Key } from './stream';

/** What is known of one challenge. `known` says that its submissions have come, be they none. */
export interface IChallengeState {
  view?: IChallenge;
  board?: IBoard;
  problem?: IProblem;
  submissions: ReadonlyMap<string, ISubmission>;
  known: boolean;
}

/** A submission that has changed while this page was watching. */
export interface IChange {
  before?: ISubmission;
  after: ISubmission;
}

/** Where events come from; {@link Stream} in the page, something smaller in tests. */
export interface ISource extends IDisposable {
  readonly received: ISignal<unknown, IEvent>;
  readonly connected: ISignal<unknown, boolean>;
  readonly isConnected: boolean;
  watch(keys: readonly Key[]): void;
}

/** The key of a kit's challenge, as text. */
export function keyOf(place: { gateway: string; challenge: string }): string {
  return `${place.gateway} ${place.challenge}`;
}

/** Everything that the page knows, from the events that the server sends. */
export class Model implements IDisposable {
  constructor(private readonly _source: ISource) {
    _source.received.connect(this._take, this);
    _source.connected.connect(this._changedConnection, this);
  }

  /** Something that is shown has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** A submission is new, or in another state, since the page began to watch. */
  get moved(): ISignal<this, IChange> {
    return this._moved;
  }

  /** A job has changed. */
  get worked(): ISignal<this, IJob> {
    return this._worked;
  }

  get isConnected(): boolean {
    return this._source.isConnected;
  }

  get isDisposed(): boolean {
    return this._source.isDisposed;
  }

  /** Kits on this machine; undefined until they are known. */
  get kits(): readonly IKit[] | undefined {
    return this._kits;
  }

  set kits(kits: readonly IKit[] | undefined) {
    this._kits = kits;
    this._kitsProblem = undefined;
    if (kits && !kits.some(kit => this._current && same(kit, this._current))) {
      this.current = kits[0];
    }
    this._changed.emit();
  }

  /** Why the kits are not known. */
  get kitsProblem(): IProblem | undefined {
    return this._kitsProblem;
  }

  set kitsProblem(problem: IProblem | undefined) {
    this._kitsProblem = problem;
    this._changed.emit();
  }

  /** Ask the gateways again now, instead of at the next try. */
  retry(): void {
    this._source.watch(this._followed);
  }

  /** The kit whose challenge the panel shows. */
  get current(): IKit | undefined {
    return this._current;
  }

  set current(kit: IKit | undefined) {
    this._current = kit;
    if (kit) {
      this.follow(kit);
    }
    this._changed.emit();
  }

  /** The challenge that the panel shows. */
  get challenge(): IChallengeState | undefined {
    return this._current && this._states.get(keyOf(this._current));
  }

  /** Hear of a kit's challenge from now on. */
  follow(kit: IKit): void {
    const key = keyOf(kit);
    if (!this._states.has(key)) {
      this._states.set(key, { submissions: new Map(), known: false });
      this._followed.push([kit.gateway, kit.challenge]);
      this._source.watch(this._followed);
    }
  }

  /** What is known of one challenge. */
  state(place: { gateway: string; challenge: string }): IChallengeState | undefined {
    return this._states.get(keyOf(place));
  }

  /** A submission of any challenge that is followed. */
  submission(id: string): ISubmission | undefined {
    for (const state of this._states.values()) {
      const found = state.submissions.get(id);
      if (found) {
        return found;
      }
    }
    return undefined;
  }

  /** Submissions that have not ended, of every challenge that is followed. */
  running(): ISubmission[] {
    return [...this._states.values()].flatMap(state =>
      [...state.submissions.values()].filter(submission => !FINAL.has(submission.state))
    );
  }

  /** Jobs of this server, the oldest first. */
  get jobs(): IJob[] {
    return [...this._jobs.values()];
  }

  /** Take what a request has answered, as if it had been pushed. */
  put(submission: ISubmission): void {
    const state = this._states.get(keyOf(submission));
    if (state) {
      this._merge(state, [submission]);
      this._changed.emit();
    }
  }

  /** Take a job that a request has begun. */
  putJob(job: IJob): void {
    const before = this._jobs.get(job.id);
    if (before && before.state !== 'running') {
      return; // what was pushed has overtaken the answer
    }
    this._jobs.set(job.id, job);
    this._worked.emit(job);
    this._changed.emit();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._source.dispose();
      Signal.clearData(this);
    }
  }

  private _take(_: unknown, event: IEvent): void {
    if (event.kind === 'alive') {
      return;
    }
    if (event.kind === 'job') {
      if (event.job) {
        this.putJob(event.job);
      }
      return;
    }
    const state = this._states.get(keyOf(event));
    if (!state) {
      return;
    }
    switch (event.kind) {
      case 'challenge':
        state.view = event.view;
        break;
      case 'board':
        state.board = event.board;
        break;
      case 'problem':
        state.problem = event.problem;
        break;
      case 'submissions':
        if (event.whole) {
          this._replace(state, event.submissions);
        } else {
          this._merge(state, event.submissions);
        }
    }
    this._changed.emit();
  }

  private _replace(state: IChallengeState, whole: ISubmission[]): void {
    const before = state.submissions;
    const first = !state.known;
    state.submissions = new Map(whole.map(one => [one.id, one]));
    state.known = true;
    for (const after of whole) {
      const old = before.get(after.id);
      // What ended before this page was opened is no news; what ended while the line was broken is.
      if (first ? !FINAL.has(after.state) : differs(old, after)) {
        this._moved.emit({ before: old, after });
      }
    }
  }

  private _merge(state: IChallengeState, some: ISubmission[]): void {
    const submissions = new Map(state.submissions); // another one, so that views see that it changed
    state.submissions = submissions;
    for (const after of some) {
      const before = submissions.get(after.id);
      if (before && before.version > after.version) {
        continue;
      }
      submissions.set(after.id, after);
      if (differs(before, after)) {
        this._moved.emit({ before, after });
      }
    }
  }

  private _changedConnection(): void {
    this._changed.emit();
  }

  private _kits: readonly IKit[] | undefined;
  private _kitsProblem: IProblem | undefined;
  private _current: IKit | undefined;
  private readonly _followed: Key[] = [];
  private readonly _states = new Map<string, IChallengeState>();
  private readonly _jobs = new Map<string, IJob>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _moved = new Signal<this, IChange>(this);
  private readonly _worked = new Signal<this, IJob>(this);
}

function same(one: IKit, other: IKit): boolean {
  return one.folder === other.folder && keyOf(one) === keyOf(other);
}

/** Whether a person would want to know: another state, or scores or a reason that were not there before. */
function differs(before: ISubmission | undefined, after: ISubmission): boolean {
  return (
    before?.state !== after.state ||
    before.queue_position !== after.queue_position ||
    before.verified !== after.verified ||
    before.explanation !== after.explanation
  );
}

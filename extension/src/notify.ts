import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { formatName, formatSaid, formatState } from './format';
import { FINAL, type IJob, type ISubmission, type State } from './messages';
import type { IChange, Model } from './model';
import { adviceFor, whyFailed } from './problems';
import { formatGain, formatScore, primaryOf, standings } from './scores';
import { CommandIDs } from './tokens';

/** Notifications of what is under way at a time; the status bar counts the others, and results are always told. */
const MOST = 5;

/** JupyterLab's notifications: one for each submission under way, which ends as its result. */
export class Notifier {
  constructor(
    private readonly _model: Model,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {
    _model.moved.connect((_, change) => this._moved(change));
    _model.worked.connect((_, job) => this._worked(job));
  }

  private _moved({ after }: IChange): void {
    const name = formatName(after, this._trans);
    if (!FINAL.has(after.state)) {
      this._open.add(after.id);
      this._progress(after.id, `${name}: ${this._stage(after)}`);
      return;
    }
    if (!this._open.has(after.id) || !isTold(after)) {
      return; // it had ended before this page was opened, or there is more to come
    }
    this._open.delete(after.id);
    const actions: Notification.IAction[] = [
      {
        label: this._trans.__('Show'),
        callback: () => void this._commands.execute(CommandIDs.showPanel)
      }
    ];
    const cell = after.failure?.cell;
    if (cell !== undefined) {
      actions.push({
        label: this._trans.__('Go to cell %1', cell),
        displayType: 'accent',
        callback: () => void this._commands.execute(CommandIDs.goToCell, { id: after.id, cell })
      });
    }
    this._end(after.id, `${name}: ${this._result(after)}`, typeOf(after.state), actions);
  }

  private _worked(job: IJob): void {
    const title =
      job.kind === 'rehearsal'
        ? this._trans.__('Rehearsal of %1', job.title)
        : this._trans.__('Joining %1', job.title);
    if (job.state === 'running') {
      this._open.add(job.id);
      this._progress(job.id, job.line ? `${title}: ${job.line}` : title);
      return;
    }
    if (!this._open.delete(job.id)) {
      return; // it had ended before this page was opened
    }
    const actions: Notification.IAction[] = [];
    const { cell, path } = job;
    if (cell !== undefined && path !== undefined) {
      actions.push({
        label: this._trans.__('Go to cell %1', cell),
        displayType: 'accent',
        callback: () => void this._commands.execute(CommandIDs.goToCell, { path, cell })
      });
    }
    if (job.log) {
      actions.push({
        label: this._trans.__('Open the log'),
        callback: () => void this._commands.execute(CommandIDs.openLog, { job: job.id })
      });
    }
    const said = {
      running: '',
      done:
        job.kind === 'rehearsal'
          ? job.contained
            ? this._trans.__('passed in %1 s', job.seconds ?? 0)
            : this._trans.__(
                'passed in %1 s, without a sandbox: limits and the missing network were not tried',
                job.seconds ?? 0
              )
          : this._trans.__('done'),
      failed: whyFailed(job, this._trans),
      cancelled: this._trans.__('stopped')
    }[job.state];
    const type = { running: 'info', done: 'success', failed: 'error', cancelled: 'warning' } as const;
    this._end(job.id, `${title}: ${said}`, type[job.state], actions);
  }

  private _stage(submission: ISubmission): string {
    const state = formatState(submission.state, this._trans);
    return submission.state === 'queued' && submission.queue_position
      ? this._trans.__('%1, place %2', state, submission.queue_position)
      : state;
  }

  private _result(submission: ISubmission): string {
    const state = this._model.state(submission);
    const metrics = state?.view?.metrics ?? [];
    const primary = primaryOf(metrics);
    if (submission.problem) {
      return adviceFor(submission.problem, this._trans).sentence;
    }
    if (submission.scores && primary && primary.name in submission.scores) {
      const score = formatScore(submission.scores[primary.name], primary);
      const standing = standings([...(state?.submissions.values() ?? [])], metrics).get(submission.id);
      const gain = standing?.gain;
      return gain === undefined
        ? `${primary.name} ${score}`
        : `${primary.name} ${score} (${formatGain(gain, primary)})`;
    }
    return submission.explanation
      ? formatSaid(submission.explanation, this._trans, submission.failure?.reason)
      : formatState(submission.state, this._trans);
  }

  private _progress(id: string, message: string): void {
    const known = this._ids.get(id);
    if (known && Notification.manager.has(known)) {
      Notification.update({ id: known, message });
    } else if (!known && this._ids.size < MOST) {
      this._ids.set(id, Notification.emit(message, 'in-progress', { autoClose: false }));
    } // one that was dismissed stays away until the result
  }

  private _end(
    id: string,
    message: string,
    type: Notification.TypeOptions,
    actions: Notification.IAction[]
  ): void {
    const known = this._ids.get(id);
    this._ids.delete(id);
    const options = { autoClose: type === 'error' ? (false as const) : 10_000, actions };
    if (known && Notification.manager.has(known)) {
      Notification.update({ id: known, message, type, ...options });
    } else {
      Notification.emit(message, type, options);
    }
  }

  private readonly _ids = new Map<string, string>();
  private readonly _open = new Set<string>();
}

/** Whether all is known that the notification says: scores are verified first, and the reason of a failure fetched. */
function isTold(submission: ISubmission): boolean {
  return (
    submission.verified ||
    submission.problem !== undefined ||
    submission.explanation !== '' ||
    submission.said !== '' || // a Codabench server signs nothing, and gives no reason that could follow
    submission.state === 'cancelled'
  );
}

function typeOf(state: State): Notification.TypeOptions {
  return state === 'scored' ? 'success' : state === 'cancelled' ? 'warning' : 'error';
}

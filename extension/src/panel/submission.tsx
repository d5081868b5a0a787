import {
  copyIcon,
  textEditorIcon,
  notebookIcon,
  refreshIcon,
  stopIcon,
  type LabIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';

import { useNow, useView } from '../context';
import { formatAgo, formatMoment, formatName, formatSaid, formatSeconds, formatState } from '../format';
import { FINAL, type IMetric, type ISubmission } from '../messages';
import { adviceFor } from '../problems';
import { formatGain, formatScore, type IStanding, primaryOf } from '../scores';
import { CommandIDs } from '../tokens';
import { GoToCell } from './cell';

const STEPS = ['queued', 'rehearsing', 'running', 'scored'] as const;

/** One submission: its state, what came of it, and what can be done with it. */
export const SubmissionRow = React.memo(function SubmissionRow(props: {
  submission: ISubmission;
  metrics: readonly IMetric[];
  standing?: IStanding;
}): React.ReactElement {
  const { submission, metrics, standing } = props;
  const { trans, locale } = useView();
  const now = useNow(60);
  const name = formatName(submission, trans);
  return (
    <article className={`pkit-Submission pkit-mod-${submission.state}`} aria-label={name}>
      <header>
        <span className="pkit-Submission-name" title={submission.id}>
          {name}
        </span>
        {standing?.best && <span className="pkit-Badge pkit-mod-best">{trans.__('best')}</span>}
        <span className={`pkit-State pkit-mod-${submission.state}`}>
          {formatState(submission.state, trans)}
        </span>
      </header>
      <div className="pkit-Submission-when">
        <time dateTime={submission.created_at} title={formatMoment(submission.created_at, locale)}>
          {formatAgo(submission.created_at, now, locale)}
        </time>
        {' · '}
        {submission.phase}
        {FINAL.has(submission.state) && !submission.counted && <> · {trans.__('not counted')}</>}
      </div>
      {!FINAL.has(submission.state) && <Progress submission={submission} />}
      <Outcome submission={submission} metrics={metrics} standing={standing} />
      {submission.note && <p className="pkit-Submission-note">{submission.note}</p>}
      <Actions submission={submission} name={name} />
    </article>
  );
});

/** How far it is, as four steps, and for how long it has been at this one. */
function Progress(props: { submission: ISubmission }): React.ReactElement {
  const { submission } = props;
  const { trans } = useView();
  const now = useNow(1);
  const at =
    submission.state === 'queued' && submission.rehearsed
      ? 2
      : submission.state === 'scoring'
        ? 2
        : STEPS.indexOf(submission.state as (typeof STEPS)[number]);
  const elapsed = formatSeconds((now - Date.parse(submission.updated_at)) / 1000);
  const text =
    submission.said !== ''
      ? trans.__('Codabench: %1, %2', submission.said, elapsed)
      : submission.state === 'queued'
        ? submission.queue_position
          ? trans.__('Place %1 in the queue', submission.queue_position)
          : trans.__('Waits for a runner')
        : submission.state === 'rehearsing'
          ? trans.__('On the sample, %1', elapsed)
          : trans.__('On the real data, %1', elapsed);
  return (
    <div
      className="pkit-Progress"
      role="progressbar"
      aria-valuemin={0}
      aria-valuemax={STEPS.length - 1}
      aria-valuenow={Math.max(0, at)}
      aria-valuetext={`${formatState(submission.state, trans)}. ${text}`}
      aria-label={trans.__('Progress')}
    >
      <div className="pkit-Progress-steps">
        {STEPS.slice(0, -1).map((step, index) => (
          <span key={step} className={index < at ? 'pkit-mod-past' : index === at ? 'pkit-mod-now' : ''} />
        ))}
      </div>
      <span className="pkit-Progress-text">
        {text}
        {submission.attempt > 1 && <> · {trans.__('attempt %1', submission.attempt)}</>}
      </span>
    </div>
  );
}

function Outcome(props: {
  submission: ISubmission;
  metrics: readonly IMetric[];
  standing?: IStanding;
}): React.ReactElement | null {
  const { submission, metrics, standing } = props;
  const { trans } = useView();
  if (submission.problem) {
    const advice = adviceFor(submission.problem, trans);
    return (
      <p className="pkit-Failure" role="alert">
        <strong>{advice.sentence}</strong> {advice.next}
      </p>
    );
  }
  if (submission.state === 'scored' && !submission.scores) {
    return <p className="pkit-Scores">{trans.__('Verifying the receipt …')}</p>;
  }
  if (submission.scores) {
    const primary = primaryOf(metrics);
    const scores = (
      <dl className="pkit-Scores">
        {metrics
          .filter(metric => submission.scores?.[metric.name] !== undefined)
          .map(metric => (
            <div key={metric.name} className={metric.primary ? 'pkit-mod-primary' : undefined}>
              <dt>{metric.name}</dt>
              <dd>
                {formatScore(submission.scores?.[metric.name] ?? NaN, metric)}
                {metric === primary && standing?.gain !== undefined && (
                  <span
                    className={`pkit-Gain ${standing.gain > 0 ? 'pkit-mod-up' : standing.gain < 0 ? 'pkit-mod-down' : ''}`}
                    title={trans.__('Against your best before')}
                  >
                    {formatGain(standing.gain, metric)}
                  </span>
                )}
              </dd>
            </div>
          ))}
      </dl>
    );
    return submission.disqualified ? (
      <>
        {scores}
        <p className="pkit-Failure">
          {trans.__('Disqualified by the organizer: %1', submission.disqualified)}
        </p>
      </>
    ) : (
      scores
    );
  }
  if (submission.state === 'failed' && submission.said !== '') {
    return (
      <div className="pkit-Failure">
        {trans.__('Codabench calls it %1.', submission.said)} {submission.details}{' '}
        <span className="pkit-Failure-next">
          {trans.__("Its log, if the organizer shows it, is on the competition's page.")}
        </span>
      </div>
    );
  }
  if (submission.state === 'failed' || submission.state === 'refused') {
    const cell = submission.failure?.cell;
    return (
      <div className="pkit-Failure">
        {submission.explanation
          ? formatSaid(submission.explanation, trans, submission.failure?.reason)
          : submission.has_log
            ? trans.__('It failed on the sample.')
            : trans.__('It ended without a score.')}{' '}
        {submission.next_step && (
          <span className="pkit-Failure-next">{formatSaid(submission.next_step, trans)}</span>
        )}
        {cell !== undefined && (
          <div>
            <GoToCell id={submission.id} cell={cell} />
          </div>
        )}
      </div>
    );
  }
  return null;
}

function Actions(props: { submission: ISubmission; name: string }): React.ReactElement {
  const { submission, name } = props;
  const { commands, trans } = useView();
  const button = (id: string, icon: LabIcon, label: string): React.ReactElement => (
    <button
      type="button"
      className="pkit-IconButton"
      title={label}
      aria-label={`${label}: ${name}`}
      onClick={() => void commands.execute(id, { id: submission.id })}
    >
      <icon.react tag="span" elementSize="small" />
    </button>
  );
  return (
    <div className="pkit-Actions" role="group" aria-label={trans.__('Actions')}>
      {submission.kept &&
        button(CommandIDs.openSent, notebookIcon, trans.__('Open the notebook as it was sent'))}
      {submission.has_log && button(CommandIDs.openLog, textEditorIcon, trans.__('Open the rehearsal log'))}
      {submission.has_receipt && button(CommandIDs.copyReceipt, copyIcon, trans.__('Copy the receipt'))}
      {submission.kept &&
        FINAL.has(submission.state) &&
        button(CommandIDs.again, refreshIcon, trans.__('Submit again'))}
      {!FINAL.has(submission.state) && button(CommandIDs.cancel, stopIcon, trans.__('Cancel'))}
    </div>
  );
}

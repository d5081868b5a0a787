import * as React from 'react';

import { useView } from '../context';
import type { IJob } from '../messages';
import { whyFailed } from '../problems';
import { CommandIDs } from '../tokens';
import { GoToCell } from './cell';

/** What runs on this machine now: a rehearsal, or a challenge being joined; and the last rehearsal that failed. */
export function JobList(props: { jobs: readonly IJob[] }): React.ReactElement | null {
  const { commands, trans } = useView();
  const rehearsals = props.jobs.filter(job => job.kind === 'rehearsal');
  const shown = props.jobs.filter(
    job => job.state === 'running' || (job === rehearsals[rehearsals.length - 1] && job.state === 'failed')
  );
  if (!shown.length) {
    return null;
  }
  return (
    <ul className="pkit-Jobs" aria-label={trans.__('On this machine')}>
      {shown.map(job => (
        <li key={job.id}>
          <div>
            {job.kind === 'rehearsal'
              ? trans.__('Rehearsal of %1', job.title)
              : trans.__('Joining %1', job.title)}
          </div>
          {job.state === 'running' ? (
            <>
              <div className="pkit-Job-line" role="status">
                {job.line}
              </div>
              <div className="pkit-Job-bar" role="progressbar" aria-label={job.title} />
              <button
                type="button"
                className="pkit-Link"
                onClick={() => void commands.execute(CommandIDs.stopJob, { id: job.id })}
              >
                {trans.__('Stop')}
              </button>
            </>
          ) : (
            <div className="pkit-Failure">
              {whyFailed(job, trans)}
              <div>
                {job.cell !== undefined && job.path !== undefined && (
                  <GoToCell path={job.path} cell={job.cell} />
                )}{' '}
                {job.log && (
                  <button
                    type="button"
                    className="pkit-Link"
                    onClick={() => void commands.execute(CommandIDs.openLog, { job: job.id })}
                  >
                    {trans.__('Open the log')}
                  </button>
                )}
              </div>
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

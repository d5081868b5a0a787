import { HTMLSelect, ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { type IViewContext, useModel, useView, ViewProvider } from '../context';
import { blindIcon } from '../icons';
import { keyOf } from '../model';
import { CommandIDs } from '../tokens';
import { ChallengeSection } from './challenge';
import { JobList } from './jobs';
import { LeaderboardSection } from './leaderboard';
import { Notice, ProblemNotice } from './notice';
import { SubmissionsSection } from './submissions';

/** The side panel: the challenge, my submissions, the leaderboard. */
export class Panel extends ReactWidget {
  constructor(
    private readonly _context: IViewContext,
    private readonly _reload: () => void
  ) {
    super();
    this.id = 'participant-kit-panel';
    this.addClass('pkit-Panel');
    this.title.icon = blindIcon;
    this.title.caption = _context.trans.__('Blind submissions');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _context.trans.__('Blind submissions'));
  }

  protected override render(): React.ReactElement {
    return (
      <ViewProvider context={this._context}>
        <PanelView reload={this._reload} />
      </ViewProvider>
    );
  }
}

type Tab = 'submissions' | 'leaderboard';

/** All of the panel; each state of it says what to do next. */
export function PanelView(props: { reload: () => void }): React.ReactElement {
  const { commands, trans } = useView();
  const model = useModel();
  const [tab, setTab] = React.useState<Tab>('submissions');
  const { kits, current, challenge } = model;
  const join = {
    label: trans.__('Join a challenge'),
    run: () => void commands.execute(CommandIDs.join)
  };
  if (!kits) {
    return (
      <div className="pkit-Panel-content">
        {model.kitsProblem ? (
          <ProblemNotice problem={model.kitsProblem} retry={props.reload} />
        ) : (
          <Notice title={trans.__('Loading …')} />
        )}
      </div>
    );
  }
  if (!current) {
    return (
      <div className="pkit-Panel-content">
        <JobList jobs={model.jobs} />
        <Notice title={trans.__('You have joined no challenge yet.')} action={join}>
          {trans.__(
            'Join one with the gateway address and the token from your invitation. Its starter kit is put into a folder here.'
          )}
        </Notice>
      </div>
    );
  }
  const tabs: [Tab, string][] = [
    ['submissions', trans.__('Submissions')],
    ['leaderboard', trans.__('Leaderboard')]
  ];
  return (
    <div className="pkit-Panel-content">
      {kits.length > 1 && (
        <HTMLSelect
          className="pkit-Select"
          aria-label={trans.__('Challenge')}
          value={current.folder}
          onChange={event => {
            model.current = kits.find(kit => kit.folder === event.target.value);
          }}
        >
          {kits.map(kit => (
            <option key={kit.folder} value={kit.folder}>
              {kit.title}
            </option>
          ))}
        </HTMLSelect>
      )}
      {!model.isConnected && (
        <Notice kind="warning" title={trans.__('Jupyter Server does not answer.')}>
          {trans.__('What you see may be old. It is tried again by itself; nothing is lost.')}
        </Notice>
      )}
      {challenge?.problem && (
        <ProblemNotice
          problem={challenge.problem}
          gateway={current.gateway}
          kind={challenge.known ? 'warning' : 'error'}
          retry={() => model.retry()}
        />
      )}
      <JobList jobs={model.jobs} />
      {challenge?.view && <ChallengeSection view={challenge.view} />}
      {!challenge?.known && !challenge?.problem && <Notice title={trans.__('Loading …')} />}
      {challenge?.known && (
        <>
          <div className="pkit-Tabs" role="tablist" aria-label={trans.__('View')}>
            {tabs.map(([name, label], index) => (
              <button
                key={name}
                id={`pkit-tab-${name}`}
                type="button"
                role="tab"
                aria-selected={tab === name}
                aria-controls={`pkit-view-${name}`}
                tabIndex={tab === name ? 0 : -1}
                onClick={() => setTab(name)}
                onKeyDown={event => {
                  if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
                    const other = tabs[1 - index][0];
                    setTab(other);
                    document.getElementById(`pkit-tab-${other}`)?.focus();
                  }
                }}
              >
                {label}
              </button>
            ))}
          </div>
          <div
            className="pkit-View"
            role="tabpanel"
            id={`pkit-view-${tab}`}
            aria-labelledby={`pkit-tab-${tab}`}
          >
            {tab === 'submissions' ? (
              <SubmissionsSection
                submissions={challenge.submissions}
                metrics={challenge.view?.metrics ?? []}
                notebook={current.notebook}
                codabench={current.codabench}
              />
            ) : challenge.view ? (
              <LeaderboardSection key={keyOf(current)} view={challenge.view} board={challenge.board} />
            ) : (
              <Notice title={trans.__('Loading …')} />
            )}
          </div>
        </>
      )}
      <footer className="pkit-Footer">
        <button type="button" className="pkit-Link" onClick={join.run}>
          {trans.__('Join another challenge')}
        </button>
      </footer>
    </div>
  );
}

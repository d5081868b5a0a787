import * as React from 'react';

import { useNow, useView } from '../context';
import { bitsLeft, formatAgo, formatBits, formatMoment } from '../format';
import type { IChallenge, IQuota } from '../messages';
import { CommandIDs } from '../tokens';
import { Notice } from './notice';

/** The challenge: its phase, the time and the quota that are left, and where to read about it. */
export function ChallengeSection(props: { view: IChallenge }): React.ReactElement {
  const { view } = props;
  const { commands, trans, locale } = useView();
  const now = useNow(30);
  const phase = view.phases.find(one => one.name === view.open_phase);
  const next = view.phases
    .filter(one => Date.parse(one.starts) > now)
    .sort((a, b) => Date.parse(a.starts) - Date.parse(b.starts))
    .at(0);
  const open = (path: string, factory?: string) => (): void => {
    void commands.execute('docmanager:open', { path, factory });
  };
  return (
    <section className="pkit-Challenge" aria-label={trans.__('Challenge')}>
      <h2 className="pkit-Challenge-title">{view.kit.title}</h2>
      <p className="pkit-Challenge-phase">
        {phase ? (
          <>
            <span className="pkit-Badge">{phase.name}</span>{' '}
            {phase.ends !== undefined && (
              <span title={formatMoment(phase.ends, locale)}>
                {trans.__('ends %1', formatAgo(phase.ends, now, locale))}
              </span>
            )}
          </>
        ) : next ? (
          <>
            <span className="pkit-Badge">{trans.__('closed')}</span>{' '}
            {trans.__('%1 opens %2', next.name, formatAgo(next.starts, now, locale))}
          </>
        ) : (
          <span className="pkit-Badge">{trans.__('over')}</span>
        )}
      </p>
      {view.kit.codabench && (
        <p className="pkit-Hint">{trans.__('On a Codabench server: nothing is sealed or signed.')}</p>
      )}
      {view.quota && <QuotaBars quota={view.quota} view={view} />}
      <nav className="pkit-Links" aria-label={trans.__('About the challenge')}>
        {view.kit.overview && (
          <button type="button" className="pkit-Link" onClick={open(view.kit.overview, 'Markdown Preview')}>
            {trans.__('Overview')}
          </button>
        )}
        {view.kit.data && (
          <button
            type="button"
            className="pkit-Link"
            onClick={open(view.kit.data, view.kit.data.endsWith('.md') ? 'Markdown Preview' : undefined)}
          >
            {trans.__('Data')}
          </button>
        )}
        {view.kit.notebook && (
          <button type="button" className="pkit-Link" onClick={open(view.kit.notebook)}>
            {trans.__('Starter notebook')}
          </button>
        )}
      </nav>
      {!view.kit_is_current && (
        <Notice
          kind="warning"
          title={trans.__('The organizer has published a new starter kit.')}
          action={{
            label: trans.__('Update the kit'),
            run: () =>
              void commands.execute(CommandIDs.updateKit, {
                gateway: view.kit.gateway,
                challenge: view.kit.challenge
              })
          }}
        >
          {trans.__('Your own notebooks are kept.')}
        </Notice>
      )}
    </section>
  );
}

function QuotaBars(props: { quota: IQuota; view: IChallenge }): React.ReactElement {
  const { quota, view } = props;
  const { trans, locale } = useView();
  const now = useNow(60);
  return (
    <div className="pkit-Quota">
      {quota.per_day !== undefined && (
        <Meter
          label={trans.__('Today: %1 of %2 used', quota.used_today, quota.per_day)}
          title={trans.__('Resets %1', formatAgo(quota.resets_at, now, locale))}
          value={quota.used_today}
          most={quota.per_day}
        />
      )}
      {quota.total !== undefined && (
        <Meter
          label={trans.__('Phase: %1 of %2 used', quota.used_total, quota.total)}
          value={quota.used_total}
          most={quota.total}
        />
      )}
      {view.budget_bits !== undefined && (
        <Meter
          label={trans.__(
            'Release budget: %1 of %2 bits left',
            formatBits(bitsLeft(quota, view.budget_bits), locale),
            formatBits(view.budget_bits, locale)
          )}
          title={trans.__(
            'One run can reveal at most %1 bits about the data.',
            formatBits(view.most_bits ?? 0, locale)
          )}
          value={quota.revealed_bits}
          most={view.budget_bits}
        />
      )}
    </div>
  );
}

function Meter(props: { label: string; value: number; most: number; title?: string }): React.ReactElement {
  const share = props.most > 0 ? Math.min(1, props.value / props.most) : 1;
  const id = React.useId();
  return (
    <div className="pkit-Meter" title={props.title}>
      <div id={id} className="pkit-Meter-label">
        {props.label}
      </div>
      <div
        className="pkit-Meter-bar"
        role="meter"
        aria-labelledby={id}
        aria-valuemin={0}
        aria-valuemax={props.most}
        aria-valuenow={Math.min(props.value, props.most)}
      >
        <div
          className={`pkit-Meter-fill${share >= 0.9 ? ' pkit-mod-spent' : ''}`}
          style={{ width: `${100 * share}%` }}
        />
      </div>
    </div>
  );
}

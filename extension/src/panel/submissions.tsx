import { useVirtualizer } from '@tanstack/react-virtual';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';

import { useView } from '../context';
import { formatState } from '../format';
import type { IMetric, ISubmission } from '../messages';
import { inTime, primaryOf, standings } from '../scores';
import { Notice } from './notice';
import { ScorePlot } from './plot';
import { SubmissionRow } from './submission';

type Order = 'newest' | 'oldest' | 'best' | 'name';
type Show = 'all' | 'running' | 'scored' | 'failed';

const SHOWN: Record<Show, ReadonlySet<string> | null> = {
  all: null,
  running: new Set(['queued', 'rehearsing', 'running', 'scoring']),
  scored: new Set(['scored']),
  failed: new Set(['failed', 'refused', 'cancelled'])
};

/** My submissions: a plot, a filter, and a list of which only what is seen is drawn. */
export function SubmissionsSection(props: {
  submissions: ReadonlyMap<string, ISubmission>;
  metrics: readonly IMetric[];
  notebook?: string;
  codabench?: boolean;
}): React.ReactElement {
  const { trans } = useView();
  const [words, setWords] = React.useState('');
  const [show, setShow] = React.useState<Show>('all');
  const [order, setOrder] = React.useState<Order>('newest');
  const { submissions, metrics } = props;
  const primary = primaryOf(metrics);
  // Scrolling draws this anew at every step: what goes through all submissions is kept until they change.
  const all = React.useMemo(() => [...submissions.values()], [submissions]);
  const standing = React.useMemo(() => standings(all, metrics), [all, metrics]);
  const listed = React.useMemo(
    () =>
      arrange(
        select(all, words, show, state => formatState(state, trans)),
        order,
        primary
      ),
    [all, words, show, order, primary, trans]
  );
  const scroll = React.useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: listed.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 84,
    getItemKey: index => listed[index].id,
    overscan: 6,
    initialRect: { width: 300, height: 600 }
  });
  // Rows measure nothing while the panel is hidden; when it is shown they grow, and the list is to stay at its top.
  virtual.shouldAdjustScrollPositionOnItemSizeChange = (item, _, list) =>
    (list.scrollOffset ?? 0) > 0 &&
    item.end <= (list.scrollOffset ?? 0) &&
    list.scrollDirection !== 'backward';
  if (all.length === 0) {
    return (
      <Notice title={trans.__('No submissions yet.')}>
        {props.codabench
          ? trans.__('Press "Submit to Codabench" in the toolbar of a notebook.')
          : props.notebook
            ? trans.__('Open the starter notebook and press "Submit blind" in its toolbar.')
            : trans.__('Press "Submit blind" in the toolbar of a notebook.')}
      </Notice>
    );
  }
  return (
    <div className="pkit-Submissions">
      {primary && <ScorePlot submissions={all} metric={primary} />}
      <div className="pkit-Filter" role="search">
        <input
          type="search"
          className="jp-mod-styled"
          placeholder={trans.__('Filter')}
          aria-label={trans.__('Filter submissions by name, note or state')}
          value={words}
          onChange={event => setWords(event.target.value)}
        />
        <HTMLSelect
          className="pkit-Select"
          aria-label={trans.__('Show')}
          value={show}
          onChange={event => setShow(event.target.value as Show)}
        >
          <option value="all">{trans.__('All')}</option>
          <option value="running">{trans.__('Under way')}</option>
          <option value="scored">{trans.__('Scored')}</option>
          <option value="failed">{trans.__('Without a score')}</option>
        </HTMLSelect>
        <HTMLSelect
          className="pkit-Select"
          aria-label={trans.__('Sort')}
          value={order}
          onChange={event => setOrder(event.target.value as Order)}
        >
          <option value="newest">{trans.__('Newest first')}</option>
          <option value="oldest">{trans.__('Oldest first')}</option>
          <option value="best">{trans.__('Best first')}</option>
          <option value="name">{trans.__('By name')}</option>
        </HTMLSelect>
      </div>
      <div className="pkit-visuallyHidden" role="status">
        {trans._n('%1 submission', '%1 submissions', listed.length)}
      </div>
      {listed.length === 0 && (
        <Notice
          title={trans.__('No submission matches.')}
          action={{
            label: trans.__('Show all'),
            run: () => {
              setWords('');
              setShow('all');
            }
          }}
        />
      )}
      <div
        className="pkit-List"
        ref={scroll}
        role="list"
        aria-label={trans.__('My submissions')}
        tabIndex={0}
      >
        <div style={{ height: virtual.getTotalSize() }} role="presentation">
          {virtual.getVirtualItems().map(item => (
            <div
              key={item.key}
              data-index={item.index}
              ref={virtual.measureElement}
              className="pkit-List-item"
              role="listitem"
              aria-setsize={listed.length}
              aria-posinset={item.index + 1}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <SubmissionRow
                submission={listed[item.index]}
                metrics={metrics}
                standing={standing.get(listed[item.index].id)}
              />
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

/** Those whose name, note, notebook or state holds every word of `words`. */
export function select(
  submissions: readonly ISubmission[],
  words: string,
  show: Show,
  stateName: (state: ISubmission['state']) => string
): ISubmission[] {
  const wanted = words.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const states = SHOWN[show];
  return submissions.filter(one => {
    if (states && !states.has(one.state)) {
      return false;
    }
    if (!wanted.length) {
      return true;
    }
    const text = [
      one.name,
      one.note,
      one.notebook ?? '',
      one.state,
      stateName(one.state),
      one.phase,
      one.id,
      one.failure?.reason ?? ''
    ]
      .join(' ')
      .toLocaleLowerCase();
    return wanted.every(word => text.includes(word));
  });
}

/** In the order that was asked for; those without a score come last when that is by score. */
export function arrange(submissions: ISubmission[], order: Order, primary?: IMetric): ISubmission[] {
  const newest = (a: ISubmission, b: ISubmission): number => inTime(b, a);
  const score = (one: ISubmission): number => {
    const value = primary && one.scores?.[primary.name];
    return value === undefined ? -Infinity : primary?.higher_is_better ? value : -value;
  };
  switch (order) {
    case 'newest':
      return submissions.sort(newest);
    case 'oldest':
      return submissions.sort((a, b) => newest(b, a));
    case 'best':
      return submissions.sort((a, b) => {
        const [one, other] = [score(a), score(b)];
        return one === other ? newest(a, b) : other - one;
      });
    case 'name':
      return submissions.sort((a, b) => byName(a).localeCompare(byName(b)) || newest(a, b));
  }
}

function byName(one: ISubmission): string {
  return one.name === '' ? (one.notebook ?? '') : one.name;
}

import { useVirtualizer } from '@tanstack/react-virtual';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';

import { useNow, useView } from '../context';
import { formatAgo, formatMoment } from '../format';
import type { IBoard, IBoardRow, IChallenge, IMetric, IProblem } from '../messages';
import { ask, problemOf } from '../request';
import { formatScore } from '../scores';
import { Notice, ProblemNotice } from './notice';

/** Rows that a click on "Show more" adds: as many as a gateway gives at once. */
const MORE = 1000;

interface ISort {
  by: string;
  down: boolean;
}

/** The leaderboard of a phase, my row marked, sortable by each metric. */
export function LeaderboardSection(props: { view: IChallenge; board?: IBoard }): React.ReactElement {
  const { view } = props;
  const { trans } = useView();
  const [phase, setPhase] = React.useState<string | undefined>();
  const [other, setOther] = React.useState<IBoard | undefined>();
  const [problem, setProblem] = React.useState<IProblem | undefined>();
  const live = !phase || phase === props.board?.phase;
  const fetchBoard = React.useCallback(async () => {
    try {
      const { gateway, challenge } = view.kit;
      setProblem(undefined);
      setOther(
        await ask<IBoard>('leaderboard', {
          query: { gateway, challenge, phase }
        })
      );
    } catch (error) {
      setProblem(problemOf(error));
    }
  }, [view.kit, phase]);
  React.useEffect(() => {
    setOther(undefined);
    if (!live) {
      void fetchBoard();
    }
  }, [live, fetchBoard]);
  const board = live ? props.board : other;
  return (
    <div className="pkit-Leaderboard">
      {view.phases.length > 1 && (
        <HTMLSelect
          className="pkit-Select"
          aria-label={trans.__('Phase')}
          value={phase ?? props.board?.phase ?? ''}
          onChange={event => setPhase(event.target.value)}
        >
          {view.phases.map(one => (
            <option key={one.name} value={one.name}>
              {one.name}
            </option>
          ))}
        </HTMLSelect>
      )}
      {problem && <ProblemNotice problem={problem} retry={() => void fetchBoard()} />}
      {!problem && !board && <Notice title={trans.__('Loading …')} />}
      {board && <BoardTable key={board.phase} board={board} view={view} />}
    </div>
  );
}

/** The rows after those of `board`, as far as they were asked for; fetched again when the board changes. */
function useLaterRows(board: IBoard, view: IChallenge): ILaterRows {
  const [pages, setPages] = React.useState(0);
  const [fetched, setFetched] = React.useState(0);
  const [rows, setRows] = React.useState<readonly IBoardRow[]>([]);
  const [problem, setProblem] = React.useState<IProblem | undefined>();
  const [tries, retry] = React.useReducer((count: number) => count + 1, 0);
  const { gateway, challenge } = view.kit;
  React.useEffect(() => {
    let wanted = true;
    const fetchRows = async (): Promise<void> => {
      const found: IBoardRow[] = [];
      for (let page = 0; page < pages; page++) {
        const offset = passedOver(board) + page * MORE;
        const query = { gateway, challenge, phase: board.phase, offset: `${offset}`, limit: `${MORE}` };
        found.push(...(await ask<IBoard>('leaderboard', { query })).rows);
      }
      if (wanted) {
        setRows(found);
        setFetched(pages);
        setProblem(undefined);
      }
    };
    fetchRows().catch((error: unknown) => {
      if (wanted) {
        setProblem(problemOf(error));
      }
    });
    return () => {
      wanted = false;
    };
  }, [board, pages, tries, gateway, challenge]);
  return { rows, problem, retry, more: () => setPages(pages + 1), busy: fetched < pages && !problem };
}

interface ILaterRows {
  rows: readonly IBoardRow[];
  problem?: IProblem;
  retry: () => void;
  more: () => void;
  busy: boolean;
}

/** How many rows of the board come before those that are not in `board`: mine may be its last one from further down. */
function passedOver(board: IBoard): number {
  const last = board.rows.at(-1);
  return board.rows.length - (last && last.participant === board.me ? 1 : 0);
}

/** The rows of a board and `later` ones, each participant once and as the board has it, in the order of ranks. */
export function together(board: IBoard, later: readonly IBoardRow[]): readonly IBoardRow[] {
  if (later.length === 0) {
    return board.rows;
  }
  const each = new Map([...later, ...board.rows].map(row => [row.participant, row]));
  return [...each.values()].sort(
    (a, b) => a.rank - b.rank || Date.parse(a.submitted_at) - Date.parse(b.submitted_at)
  );
}

function BoardTable(props: { board: IBoard; view: IChallenge }): React.ReactElement {
  const { board, view } = props;
  const { metrics } = view;
  const { trans, locale } = useView();
  const now = useNow(60);
  const [sort, setSort] = React.useState<ISort | undefined>();
  const later = useLaterRows(board, view);
  const known = React.useMemo(() => together(board, later.rows), [board, later.rows]);
  const rows = React.useMemo(() => sorted(known, sort, metrics), [known, sort, metrics]);
  const scroll = React.useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 28,
    overscan: 12,
    initialRect: { width: 300, height: 600 }
  });
  if (board.hidden) {
    return (
      <Notice title={trans.__('This leaderboard is hidden.')}>
        {trans.__('It is shown when the phase is over.')}
      </Notice>
    );
  }
  if (board.rows.length === 0) {
    return (
      <Notice title={trans.__('Nobody has a score yet.')}>{trans.__('Yours could be the first.')}</Notice>
    );
  }
  const mine = known.find(row => row.participant === board.me);
  const items = virtual.getVirtualItems();
  const before = items.length ? items[0].start : 0;
  const after = items.length ? virtual.getTotalSize() - items[items.length - 1].end : 0;
  const ordered = metrics.filter(metric => known.some(row => metric.name in row.scores));
  const header = (by: string, label: string): React.ReactElement => {
    const chosen = sort?.by === by || (!sort && by === 'rank');
    const down = chosen && (sort?.down ?? false);
    return (
      <th key={by} scope="col" aria-sort={chosen ? (down ? 'descending' : 'ascending') : 'none'}>
        <button type="button" onClick={() => setSort({ by, down: chosen ? !down : firstDown(by, metrics) })}>
          {label}
          <span aria-hidden="true">{chosen ? (down ? ' ▾' : ' ▴') : ''}</span>
        </button>
      </th>
    );
  };
  return (
    <>
      <div className="pkit-Rank">
        <p role="status">
          {mine
            ? trans.__('You are at rank %1 of %2.', mine.rank, board.participants)
            : trans._n(
                '%1 participant; you have no score yet.',
                '%1 participants; you have no score yet.',
                board.participants
              )}
        </p>
        {mine && (
          <button
            type="button"
            className="jp-mod-styled"
            onClick={() => virtual.scrollToIndex(rows.indexOf(mine), { align: 'center' })}
          >
            {trans.__('Show my row')}
          </button>
        )}
      </div>
      <div
        className="pkit-TableFrame"
        ref={scroll}
        tabIndex={0}
        role="region"
        aria-label={trans.__('Leaderboard')}
      >
        <table className="pkit-Table" aria-rowcount={rows.length + 1}>
          <thead>
            <tr>
              {header('rank', trans.__('Rank'))}
              {header('participant', trans.__('Participant'))}
              {ordered.map(metric => header(metric.name, metric.name))}
              {header('submissions', trans.__('Runs'))}
              {header('submitted_at', trans.__('Date'))}
            </tr>
          </thead>
          <tbody>
            {before > 0 && (
              <tr aria-hidden="true" style={{ height: before }}>
                <td />
              </tr>
            )}
            {items.map(item => {
              const row = rows[item.index];
              const me = row.participant === board.me;
              return (
                <tr
                  key={row.participant}
                  aria-rowindex={item.index + 2}
                  className={me ? 'pkit-mod-mine' : undefined}
                >
                  <td>{row.rank}</td>
                  <th scope="row">
                    {row.participant}
                    {me && <> ({trans.__('you')})</>}
                  </th>
                  {ordered.map(metric => (
                    <td key={metric.name}>
                      {metric.name in row.scores ? formatScore(row.scores[metric.name], metric) : ''}
                    </td>
                  ))}
                  <td>{row.submissions}</td>
                  <td title={formatMoment(row.submitted_at, locale)}>
                    {formatAgo(row.submitted_at, now, locale)}
                  </td>
                </tr>
              );
            })}
            {after > 0 && (
              <tr aria-hidden="true" style={{ height: after }}>
                <td />
              </tr>
            )}
          </tbody>
        </table>
      </div>
      {later.problem && <ProblemNotice problem={later.problem} retry={later.retry} />}
      {!later.problem && known.length < board.participants && (
        <div className="pkit-Rank">
          <p>{trans.__('%1 of %2 rows', known.length, board.participants)}</p>
          <button type="button" className="jp-mod-styled" disabled={later.busy} onClick={later.more}>
            {later.busy ? trans.__('Loading …') : trans.__('Show more')}
          </button>
        </div>
      )}
    </>
  );
}

/** The better end of a column comes first when it is clicked. */
function firstDown(by: string, metrics: readonly IMetric[]): boolean {
  const metric = metrics.find(one => one.name === by);
  return metric ? metric.higher_is_better : by === 'submissions' || by === 'submitted_at';
}

/** Rows in the order of one column; those without a value come last either way. */
export function sorted(
  rows: readonly IBoardRow[],
  sort: ISort | undefined,
  metrics: readonly IMetric[]
): readonly IBoardRow[] {
  if (!sort) {
    return rows;
  }
  const isMetric = metrics.some(metric => metric.name === sort.by);
  const value = (row: IBoardRow): number | string | undefined =>
    isMetric ? row.scores[sort.by] : row[sort.by as 'rank' | 'participant' | 'submissions' | 'submitted_at'];
  const sign = sort.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    if (one === undefined || other === undefined) {
      return Number(one === undefined) - Number(other === undefined);
    }
    const order =
      typeof one === 'string' && typeof other === 'string'
        ? one.localeCompare(other)
        : Number(one) - Number(other);
    return sign * order || a.rank - b.rank;
  });
}

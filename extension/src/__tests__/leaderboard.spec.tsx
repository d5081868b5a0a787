import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import * as React from 'react';

import type { IBoard } from '../messages';
import { LeaderboardSection, sorted, together } from '../panel/leaderboard';
import { ask, ProblemError } from '../request';
import { board, boardRow, challenge, giveHeight, METRICS, phase, violations, World } from './support';

jest.mock('../request', () => ({
  ...jest.requireActual<typeof import('../request')>('../request'),
  ask: jest.fn()
}));
const asked = jest.mocked(ask);

const who = (rows: ReturnType<typeof sorted>): string[] => rows.map(({ participant }) => participant);

describe('sorted', () => {
  const rows = [boardRow('bea', 1, 0.9), boardRow('ada', 2, 0.8), boardRow('cem', 3)];

  it.each([
    ['rank', false, ['bea', 'ada', 'cem']],
    ['rank', true, ['cem', 'ada', 'bea']],
    ['participant', false, ['ada', 'bea', 'cem']],
    ['auc', true, ['bea', 'ada', 'cem']],
    ['auc', false, ['ada', 'bea', 'cem']], // without a value: last either way
    ['submissions', true, ['cem', 'ada', 'bea']],
    ['submitted_at', true, ['bea', 'ada', 'cem']] // a tie: by rank
  ])('by %s, descending: %s', (by, down, found) => {
    expect(who(sorted(rows, { by, down }, METRICS))).toEqual(found);
  });

  it('leaves the order of ranks alone until a column is chosen', () => {
    expect(sorted(rows, undefined, METRICS)).toBe(rows);
  });
});

describe('together', () => {
  it('has each participant once, as the board has them, in the order of ranks', () => {
    const first = board({ rows: [boardRow('bea', 1, 0.9), boardRow('ada', 4, 0.8)] });
    const later = [boardRow('cem', 2, 0.85), boardRow('bea', 3, 0.8), boardRow('ada', 5, 0.7)];
    const rows = together(first, later);
    expect(who(rows)).toEqual(['bea', 'cem', 'ada']);
    expect(rows.map(({ rank }) => rank)).toEqual([1, 2, 4]);
    expect(together(first, [])).toBe(first.rows);
  });
});

describe('LeaderboardSection', () => {
  beforeAll(giveHeight);
  beforeEach(() => asked.mockReset());

  function show(some?: IBoard, phases = [phase()]): HTMLElement {
    return new World().show(<LeaderboardSection view={challenge({ phases })} board={some} />).container;
  }
  const sorting = (name: string): string | null =>
    screen.getByRole('columnheader', { name: new RegExp(`^${name}`) }).getAttribute('aria-sort');
  const participants = (): (string | null)[] =>
    screen.getAllByRole('rowheader').map(({ textContent }) => textContent);

  it('marks my row, and says my rank', async () => {
    const container = show(board());
    expect(participants()).toEqual(['bea', 'ada (you)', 'cem']);
    expect(container.querySelectorAll('.pkit-mod-mine')).toHaveLength(1);
    expect(container.querySelector('.pkit-mod-mine')?.textContent).toContain('ada');
    screen.getByText('You are at rank 2 of 3.');
    expect(await violations(container)).toEqual([]);
  });

  it('says that I have no score yet', () => {
    show(board({ me: 'dora' }));
    screen.getByText('3 participants; you have no score yet.');
  });

  it('sorts by the column that is clicked, its better end first, then the other way', () => {
    show(board());
    expect([sorting('Rank'), sorting('auc')]).toEqual(['ascending', 'none']);
    const click = (name: string): boolean =>
      fireEvent.click(
        within(screen.getByRole('table')).getByRole('button', { name: new RegExp(`^${name}`) })
      );
    click('auc');
    expect([sorting('Rank'), sorting('auc')]).toEqual(['none', 'descending']);
    click('auc');
    expect(sorting('auc')).toBe('ascending');
    expect(participants()).toEqual(['cem', 'ada (you)', 'bea']);
    click('Participant');
    expect(sorting('Participant')).toBe('ascending');
    expect(participants()).toEqual(['ada (you)', 'bea', 'cem']);
  });

  it('shows more rows when asked, mine where it belongs, and again when the board changes', async () => {
    const first = board({ participants: 5, rows: [boardRow('bea', 1, 0.9), boardRow('ada', 4, 0.6)] });
    const later = [
      boardRow('cem', 2, 0.8),
      boardRow('dan', 3, 0.7),
      boardRow('ada', 4, 0.6),
      boardRow('eve', 5)
    ];
    const world = new World();
    const show = (some: IBoard): React.ReactElement => <LeaderboardSection view={challenge()} board={some} />;
    const { container, rerender } = world.show(show(first));
    screen.getByText('2 of 5 rows');
    asked.mockResolvedValueOnce(board({ rows: later }));
    fireEvent.click(screen.getByRole('button', { name: 'Show more' }));
    await waitFor(() => expect(participants()).toEqual(['bea', 'cem', 'dan', 'ada (you)', 'eve']));
    expect(asked).toHaveBeenLastCalledWith('leaderboard', {
      query: {
        gateway: board().gateway,
        challenge: 'nhanes',
        phase: 'development',
        offset: '1', // mine was the last one given, from further down
        limit: '1000'
      }
    });
    expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull();
    expect(await violations(container)).toEqual([]);
    asked.mockResolvedValueOnce(board({ rows: [boardRow('bea', 2, 0.9), ...later.slice(1)] }));
    rerender(show({ ...first, rows: [boardRow('cem', 1, 0.95), boardRow('ada', 4, 0.6)] }));
    await waitFor(() => expect(participants()).toEqual(['cem', 'bea', 'dan', 'ada (you)', 'eve']));
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it('says when more rows cannot be had, and can try again', async () => {
    const first = board({ participants: 4 });
    const container = show(first);
    asked.mockRejectedValueOnce(
      new ProblemError({ code: 'gateway_unreachable', message: '', hint: '' }, 502)
    );
    fireEvent.click(screen.getByRole('button', { name: 'Show more' }));
    asked.mockResolvedValueOnce(board({ rows: [boardRow('dan', 4, 0.1)] }));
    const again = await screen.findByRole('button', { name: 'Try again' });
    expect(participants()).toEqual(['bea', 'ada (you)', 'cem']);
    fireEvent.click(again);
    await screen.findByText('dan');
    expect(await violations(container)).toEqual([]);
  });

  it('brings my row into view', () => {
    const rows = Array.from({ length: 500 }, (_, index) => boardRow(`p${index}`, index + 1, 0.5));
    show(board({ participants: 500, rows, me: 'p400' }));
    const scrolled = jest.fn<undefined, [ScrollToOptions]>();
    const region = screen.getByRole('region');
    Object.defineProperty(region, 'scrollHeight', { value: 28 * 500 }); // which jsdom does not know
    region.scrollTo = scrolled as typeof region.scrollTo;
    fireEvent.click(screen.getByRole('button', { name: 'Show my row' }));
    expect(scrolled.mock.lastCall?.[0].top).toBeGreaterThan(10_000);
  });

  it('says when a hidden board will be shown', async () => {
    const container = show(board({ hidden: true, rows: [] }));
    screen.getByText('This leaderboard is hidden.');
    screen.getByText('It is shown when the phase is over.');
    expect(screen.queryByRole('table')).toBeNull();
    expect(await violations(container)).toEqual([]);
  });

  it('asks for the first score where there is none', () => {
    show(board({ rows: [], participants: 0 }));
    screen.getByText('Yours could be the first.');
  });

  it('draws a part of 5,000 rows', () => {
    show(board({ rows: Array.from({ length: 5_000 }, (_, index) => boardRow(`p${index}`, index + 1, 0.5)) }));
    expect(screen.getAllByRole('rowheader').length).toBeLessThan(60);
    expect(screen.getByRole('table').getAttribute('aria-rowcount')).toBe('5001');
  });

  it('fetches the board of another phase, and can try again', async () => {
    const problem = { code: 'gateway_unreachable', message: '', hint: '' };
    asked.mockRejectedValueOnce(new ProblemError(problem, 502));
    const container = show(board(), [phase(), phase({ name: 'final' })]);
    fireEvent.change(screen.getByRole('combobox', { name: 'Phase' }), { target: { value: 'final' } });
    const again = await screen.findByRole('button', { name: 'Try again' });
    asked.mockResolvedValueOnce(board({ phase: 'final', rows: [boardRow('zoe', 1, 0.95)] }));
    fireEvent.click(again);
    await screen.findByText('zoe');
    expect(asked).toHaveBeenLastCalledWith('leaderboard', {
      query: { gateway: board().gateway, challenge: 'nhanes', phase: 'final' }
    });
    expect(await violations(container)).toEqual([]);
  });
});

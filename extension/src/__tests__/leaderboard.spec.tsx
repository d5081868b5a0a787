import { fireEvent, screen, within } from '@testing-library/react';
import * as React from 'react';

import type { IBoard } from '../messages';
import { LeaderboardSection, sorted } from '../panel/leaderboard';
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

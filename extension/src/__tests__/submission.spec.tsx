import { fireEvent, screen } from '@testing-library/react';
import * as React from 'react';

import type { ISubmission } from '../messages';
import { SubmissionRow } from '../panel/submission';
import type { IStanding } from '../scores';
import { METRICS, scored, submission, violations, World } from './support';

function show(one: ISubmission, standing?: IStanding): World & { container: HTMLElement } {
  const world = new World();
  const { container } = world.show(<SubmissionRow submission={one} metrics={METRICS} standing={standing} />);
  return Object.assign(world, { container });
}

const actions = (): (string | null)[] =>
  screen.getAllByRole('button').map(button => button.getAttribute('title'));

describe('SubmissionRow', () => {
  it.each([
    ['queued', { queue_position: 3 }, 'Place 3 in the queue', 0],
    ['queued', {}, 'Waits for a runner', 0],
    ['queued', { rehearsed: true }, 'Waits for a runner', 2],
    ['rehearsing', {}, 'On the sample', 1],
    ['running', { attempt: 2 }, 'attempt 2', 2],
    ['scoring', {}, 'On the real data', 2]
  ] as const)('shows how far a submission is that is %s', async (state, some, text, step) => {
    const { container } = show(submission({ state, ...some }));
    const progress = screen.getByRole('progressbar');
    expect(progress.textContent).toContain(text);
    expect(progress.getAttribute('aria-valuenow')).toBe(String(step));
    expect(actions()).toEqual(['Open the notebook as it was sent', 'Cancel']);
    expect(await violations(container)).toEqual([]);
  });

  it('shows scores, the gain, and the best', async () => {
    const { container } = show(scored(0.8123, { scores: { auc: 0.8123, loss: 0.5 } }), {
      best: true,
      gain: 0.01
    });
    expect(screen.getAllByRole('definition').map(one => one.textContent)).toEqual(['0.812+0.010', '0.50']);
    screen.getByText('best');
    expect(actions()).toEqual(['Open the notebook as it was sent', 'Copy the receipt', 'Submit again']);
    expect(await violations(container)).toEqual([]);
  });

  it('shows no score before its receipt is verified', () => {
    const { container } = show(submission({ state: 'scored', has_receipt: true }));
    screen.getByText('Verifying the receipt …');
    expect(container.textContent).not.toMatch(/\d\.\d{3}/);
  });

  it('shows no score that was not signed', async () => {
    const problem = { code: 'receipt_differs', message: 'scores', hint: '' };
    const { container } = show(scored(0.99, { problem, verified: false }));
    expect(screen.getByRole('alert').textContent).toMatch(/Do not trust this score/);
    expect(container.textContent).not.toContain('0.99');
    expect(await violations(container)).toEqual([]);
  });

  it('says why a run failed, what to do next, and where', async () => {
    const failed = submission({
      state: 'failed',
      failure: { stage: 'notebook', cell: 4, reason: 'KeyError' },
      explanation: 'A column, level or key does not exist.',
      next_step: 'Rehearse the notebook.',
      has_log: true
    });
    const { container, done } = show(failed);
    expect(container.textContent).toContain('A column, level or key does not exist (KeyError).');
    expect(container.textContent).toContain('Rehearse the notebook.');
    fireEvent.click(screen.getByRole('button', { name: 'Go to cell 4' }));
    expect(done).toEqual([['participant-kit:go-to-cell', { id: failed.id, cell: 4 }]]);
    expect(actions()).toContain('Open the rehearsal log');
    expect(await violations(container)).toEqual([]);
  });

  it.each([
    ['failed', { has_log: true }, 'It failed on the sample.'],
    ['failed', {}, 'It ended without a score.'],
    ['refused', {}, 'It ended without a score.']
  ] as const)('says something of one that %s for no known reason', (state, some, text) => {
    show(submission({ state, ...some }));
    screen.getByText(text);
  });

  it('says that a cancelled one does not count', async () => {
    const { container } = show(submission({ state: 'cancelled', counted: false }));
    expect(container.textContent).toContain('not counted');
    expect(await violations(container)).toEqual([]);
  });

  it('offers nothing that cannot be done', () => {
    show(submission({ state: 'refused', kept: false }));
    expect(screen.queryAllByRole('button')).toEqual([]);
  });

  it('names itself in its buttons, for those who hear them', () => {
    const { done } = show(submission({ id: 'x', name: 'deeper trees' }));
    fireEvent.click(screen.getByRole('button', { name: 'Cancel: deeper trees' }));
    expect(done).toEqual([['participant-kit:cancel', { id: 'x' }]]);
  });
});

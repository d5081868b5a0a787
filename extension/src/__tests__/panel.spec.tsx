import { act, fireEvent, screen } from '@testing-library/react';
import * as React from 'react';

import { PanelView } from '../panel/panel';
import {
  board,
  challenge,
  drawAtOnce,
  giveHeight,
  job,
  kit,
  quota,
  scored,
  violations,
  World
} from './support';

describe('PanelView', () => {
  let world: World;
  let reload: jest.Mock;

  beforeAll(giveHeight);
  beforeAll(drawAtOnce);
  beforeEach(() => {
    world = new World();
    reload = jest.fn();
  });

  const show = (): HTMLElement => world.show(<PanelView reload={reload} />).container;
  const click = (name: string): boolean => fireEvent.click(screen.getByRole('button', { name }));

  it('waits for the kits', async () => {
    const container = show();
    screen.getByText('Loading …');
    expect(await violations(container)).toEqual([]);
  });

  it('says why kits are not known, and tries again', async () => {
    world.model.kitsProblem = { code: 'jupyter_unreachable', message: '', hint: '' };
    const container = show();
    expect(screen.getByRole('alert').textContent).toContain('Jupyter Server cannot be reached.');
    click('Try again');
    expect(reload).toHaveBeenCalled();
    expect(await violations(container)).toEqual([]);
  });

  it('says how to enable what is missing on the server', () => {
    world.model.kitsProblem = { code: 'extension_missing', message: '', hint: '' };
    show();
    expect(screen.getByRole('alert').textContent).toContain('jupyter server extension enable');
  });

  it('leads to the first challenge', async () => {
    world.model.kits = [];
    const container = show();
    click('Join a challenge');
    expect(world.done).toEqual([['participant-kit:join', {}]]);
    expect(await violations(container)).toEqual([]);
  });

  it('waits for a challenge', () => {
    world.model.kits = [kit()];
    show();
    screen.getByText('Loading …');
  });

  it('shows a challenge and its submissions as they come', async () => {
    world.model.kits = [kit()];
    const container = show();
    act(() => {
      world.source.tell('challenge', { view: challenge() });
      world.source.tell('submissions', { submissions: [scored(0.8), scored(0.9)], whole: true });
    });
    screen.getByRole('heading', { name: 'Who has diabetes?' });
    expect(screen.getAllByRole('meter')).toHaveLength(3);
    expect(screen.getAllByRole('article')).toHaveLength(2);
    expect(await violations(container)).toEqual([]);
  });

  it('says that there are no submissions yet', async () => {
    world.model.kits = [kit()];
    world.source.tell('challenge', { view: challenge() });
    world.source.tell('submissions', { whole: true });
    const container = show();
    screen.getByText(/press "Submit blind"/);
    expect(await violations(container)).toEqual([]);
  });

  it('keeps what is known while the line is broken, and says that it may be old', async () => {
    world.model.kits = [kit()];
    world.source.tell('submissions', { submissions: [scored(0.8)], whole: true });
    const container = show();
    act(() => world.source.connect(false));
    screen.getByText('Jupyter Server does not answer.');
    screen.getByText(/It is tried again by itself/);
    expect(screen.getAllByRole('article')).toHaveLength(1);
    expect(await violations(container)).toEqual([]);
    act(() => world.source.connect(true));
    expect(screen.queryByText('Jupyter Server does not answer.')).toBeNull();
  });

  it('tries a gateway again that cannot be reached', async () => {
    world.model.kits = [kit()];
    world.source.tell('problem', { problem: { code: 'gateway_unreachable', message: '', hint: '' } });
    const container = show();
    expect(screen.getByRole('alert').textContent).toContain('The gateway cannot be reached.');
    const before = world.source.watched.length;
    click('Try again');
    expect(world.source.watched).toHaveLength(before + 1);
    expect(await violations(container)).toEqual([]);
  });

  it('asks for a token where it is not taken', () => {
    world.model.kits = [kit()];
    world.source.tell('problem', { problem: { code: 'token_expired', message: '', hint: '' } });
    show();
    click('Enter a token');
    expect(world.done).toEqual([['participant-kit:login', { gateway: kit().gateway }]]);
  });

  it('offers the new kit', () => {
    world.model.kits = [kit()];
    world.source.tell('challenge', { view: challenge({ kit_is_current: false }) });
    show();
    click('Update the kit');
    expect(world.done[0][0]).toBe('participant-kit:update-kit');
  });

  it('says when a closed phase opens, and when all are over', () => {
    world.model.kits = [kit()];
    const [phase] = challenge().phases;
    const closed = { open_phase: undefined, quota: undefined };
    world.source.tell('challenge', {
      view: challenge({ ...closed, phases: [{ ...phase, starts: '2119-01-01T00:00:00Z' }] })
    });
    const container = show();
    expect(container.textContent).toMatch(/development opens in \d+ years/);
    act(() =>
      world.source.tell('challenge', {
        view: challenge({ ...closed, phases: [{ ...phase, ends: '2021-01-01T00:00:00Z' }] })
      })
    );
    screen.getByText('over');
  });

  it('shows what is left of a quota that is nearly spent', () => {
    world.model.kits = [kit()];
    world.source.tell('challenge', { view: challenge({ quota: quota({ used_today: 10 }) }) });
    const container = show();
    screen.getByRole('meter', { name: 'Today: 10 of 10 used' });
    expect(container.querySelectorAll('.pkit-mod-spent')).toHaveLength(1);
  });

  it('has two tabs for the mouse and the keyboard', async () => {
    world.model.kits = [kit()];
    world.source.tell('challenge', { view: challenge() });
    world.source.tell('submissions', { whole: true });
    world.source.tell('board', { board: board() });
    const container = show();
    fireEvent.keyDown(screen.getByRole('tab', { name: 'Submissions' }), { key: 'ArrowRight' });
    expect(screen.getByRole('tab', { selected: true }).textContent).toBe('Leaderboard');
    screen.getByRole('table');
    expect(await violations(container)).toEqual([]);
    fireEvent.click(screen.getByRole('tab', { name: 'Submissions' }));
    expect(screen.queryByRole('table')).toBeNull();
  });

  it('changes to another kit, be it of the same challenge', () => {
    const [one, other] = [kit(), kit({ folder: '/home/ada/again', title: 'Once more' })];
    world.model.kits = [one, other];
    show();
    const choice = screen.getByRole<HTMLSelectElement>('combobox', { name: 'Challenge' });
    fireEvent.change(choice, { target: { value: choice.options[1].value } });
    expect(world.model.current).toBe(other);
  });

  it('shows work on this machine, and stops it', async () => {
    world.model.kits = [kit()];
    world.model.putJob(job({ line: 'Running starter.ipynb on the sample' }));
    const container = show();
    screen.getByText('Running starter.ipynb on the sample');
    click('Stop');
    expect(world.done).toEqual([['participant-kit:stop-job', { id: 'j1' }]]);
    expect(await violations(container)).toEqual([]);
  });

  it('says why a rehearsal failed, and leads to the cell and the log', async () => {
    world.model.kits = [kit()];
    world.model.putJob(
      job({
        state: 'failed',
        path: 'nhanes/starter.ipynb',
        cell: 2,
        reason: 'KeyError',
        explanation: 'A column, level or key does not exist.',
        log: 'Traceback'
      })
    );
    const container = show();
    screen.getByText('A column, level or key does not exist (KeyError).');
    click('Go to cell 2');
    click('Open the log');
    expect(world.done).toEqual([
      ['participant-kit:go-to-cell', { path: 'nhanes/starter.ipynb', cell: 2 }],
      ['participant-kit:open-log', { job: 'j1' }]
    ]);
    expect(await violations(container)).toEqual([]);
  });

  it('says why a rehearsal did not even begin', () => {
    world.model.kits = [kit()];
    const problem = { code: 'disk', message: 'The disk is full.', hint: 'Make room.' };
    world.model.putJob(job({ state: 'failed', problem }));
    show();
    screen.getByText('A file cannot be written or read. The disk is full. Make room.');
    expect(screen.queryByRole('button', { name: 'Open the log' })).toBeNull();
  });
});

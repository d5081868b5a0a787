import { act, screen } from '@testing-library/react';
import * as React from 'react';

import { PanelView } from '../panel/panel';
import { SubmissionRow } from '../panel/submission';
import { inTime } from '../scores';
import { outOfQuota, SubmitView } from '../submit';
import {
  board,
  challenge,
  drawAtOnce,
  giveHeight,
  kit,
  METRICS,
  phase,
  preview,
  quota,
  submission,
  violations,
  World
} from './support';

const SERVER = 'https://codabench.example.org';
const wheat = kit({
  gateway: SERVER,
  challenge: '1234',
  title: 'Wheat seeds',
  folder: '/home/ada/wheat',
  codabench: true
});
const open = phase({ name: 'Development Phase', ends: undefined });
const unbounded = { most_bits: undefined, budget_bits: undefined };

const sent = (some: Parameters<typeof submission>[0]): ReturnType<typeof submission> =>
  submission({ id: '9001', gateway: SERVER, challenge: '1234', said: 'Running', state: 'running', ...some });

describe('A Codabench competition', () => {
  beforeAll(giveHeight);
  beforeAll(drawAtOnce);

  it('is submitted to in the knowledge that nothing is sealed', async () => {
    const shown = preview({ kit: wheat, phase: open.name, phases: [open], ...unbounded });
    const { container } = new World().show(
      <SubmitView
        preview={shown}
        sending={true}
        checkOnly={false}
        noKernel={false}
        override={false}
        name=""
        note=""
        set={jest.fn()}
        retry={jest.fn()}
        goTo={jest.fn()}
        leave={jest.fn()}
      />
    );
    expect(container.textContent).toContain('the notebook is not sealed');
    expect(container.textContent).toContain(SERVER);
    expect(container.textContent).toContain('Development Phase');
    expect(container.textContent).toContain('8 of 10 left today');
    expect(container.textContent).not.toMatch(/bits|ends|Sealing/);
    expect(await violations(container)).toEqual([]);
    expect(outOfQuota(shown)).toBe(false);
    expect(outOfQuota({ ...shown, quota: quota({ used_today: 10 }) })).toBe(true);
  });

  it.each([
    ['queued', 'Submitted'],
    ['running', 'Preparing'],
    ['scoring', 'Scoring']
  ] as const)('shows what is %s in its own words', async (state, said) => {
    const { container } = new World().show(
      <SubmissionRow submission={sent({ state, said })} metrics={METRICS} />
    );
    expect(screen.getByRole('progressbar').textContent).toContain(`Codabench: ${said}, `);
    expect(container.textContent).not.toContain('real data');
    expect(await violations(container)).toEqual([]);
  });

  it('shows scores that nobody has signed, and no receipt', () => {
    const one = sent({ state: 'scored', said: 'Finished', scores: { auc: 0.93 } });
    const { container } = new World().show(<SubmissionRow submission={one} metrics={METRICS} />);
    expect(container.textContent).toContain('0.930');
    expect(screen.queryByRole('button', { name: /receipt/ })).toBeNull();
  });

  it('says what it adds to a failure, and where the log may be', () => {
    const one = sent({ state: 'failed', said: 'Failed', details: 'program_rc=1' });
    const { container } = new World().show(<SubmissionRow submission={one} metrics={METRICS} />);
    expect(container.textContent).toContain('Codabench calls it Failed. program_rc=1');
    expect(container.textContent).toContain("on the competition's page");
  });

  it('is in the panel like any challenge, without bits and end', async () => {
    const world = new World();
    world.model.kits = [wheat];
    const { container } = world.show(<PanelView reload={jest.fn()} />);
    const place = { gateway: SERVER, challenge: '1234' };
    const view = challenge({ kit: wheat, phases: [open], open_phase: open.name, ...unbounded });
    act(() => {
      world.source.tell('challenge', { ...place, view });
      world.source.tell('board', { ...place, board: board(place) });
      world.source.tell('submissions', { ...place, whole: true });
    });
    expect(container.textContent).toContain('nothing is sealed or signed');
    expect(container.textContent).toContain('Today: 2 of 10 used');
    expect(container.textContent).toContain('Press "Submit to Codabench"');
    expect(container.textContent).not.toMatch(/bits|ends/);
    expect(await violations(container)).toEqual([]);
  });

  it('has submissions in the order of their numbers', () => {
    const found = ['10000', '9999', '10001'].map(id => sent({ id }));
    expect(found.sort(inTime).map(one => one.id)).toEqual(['9999', '10000', '10001']);
  });
});

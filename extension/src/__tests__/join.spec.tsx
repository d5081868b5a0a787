import { act, fireEvent, screen } from '@testing-library/react';
import * as React from 'react';

import { gatewayOf, JoinView } from '../join';
import type { IOffer } from '../messages';
import { ask, ProblemError } from '../request';
import { drawAtOnce, GATEWAY, job, kit, violations, World } from './support';

jest.mock('../request', () => ({
  ...jest.requireActual<typeof import('../request')>('../request'),
  ask: jest.fn()
}));
const asked = jest.mocked(ask);

describe('gatewayOf', () => {
  it.each([
    [' https://gateway.example.org/ ', 'https://gateway.example.org'],
    ['https://gateway.example.org/nhanes', 'https://gateway.example.org'],
    ['http://localhost:8000/nhanes/', 'http://localhost:8000'],
    ['https://example.org/a/path', 'https://example.org/a/path'],
    ['gateway.example.org', 'gateway.example.org']
  ])('of "%s" is %s', (address, gateway) => {
    expect(gatewayOf(address)).toBe(gateway);
  });
});

describe('JoinView', () => {
  const OFFER: IOffer = {
    challenge: 'nhanes',
    title: 'Who has diabetes?',
    summary: 'Find out.',
    open_phase: 'development',
    metric: 'auc',
    kit_bytes: 3 * 2 ** 20,
    kit_sha256: 'ab12'
  };
  const opened = jest.fn();

  function show(): World & { container: HTMLElement } {
    const world = new World();
    const { container } = world.show(
      <JoinView context={world.context} folder={() => 'work'} open={opened} gateway={`${GATEWAY}/nhanes`} />
    );
    return Object.assign(world, { container });
  }
  const connect = (token = ''): void => {
    fireEvent.change(screen.getByLabelText('Invitation token'), { target: { value: token } });
    fireEvent.click(screen.getByRole('button', { name: 'Show challenges' }));
  };

  beforeAll(drawAtOnce);
  beforeEach(() => {
    asked.mockReset();
    opened.mockReset();
  });

  it('goes from an address and a token to a kit', async () => {
    const { container, model } = show();
    asked.mockResolvedValueOnce({ gateway: GATEWAY, name: 'ada' }).mockResolvedValueOnce([OFFER]);
    connect(' pkit_secret ');
    await screen.findByText(`You are ada at ${GATEWAY}.`);
    expect(asked.mock.calls).toEqual([
      ['login', { body: { gateway: GATEWAY, token: 'pkit_secret' } }],
      ['challenges', { query: { gateway: GATEWAY } }]
    ]);
    expect(container.innerHTML).not.toContain('pkit_secret');
    expect(screen.getByLabelText<HTMLInputElement>('Invitation token').value).toBe('');
    expect(container.textContent).toContain('kit of 3 MiB');

    const running = job({ kind: 'join', title: 'nhanes', line: 'Verifying the kit' });
    asked.mockResolvedValueOnce(running);
    fireEvent.click(screen.getByRole('button', { name: 'Join' }));
    await screen.findByText('Verifying the kit');
    expect(asked).toHaveBeenLastCalledWith('joins', {
      body: { gateway: GATEWAY, challenge: 'nhanes', folder: 'work/nhanes', checksum: undefined }
    });
    expect(await violations(container)).toEqual([]);

    act(() => model.putJob({ ...running, state: 'done', kit: kit() }));
    await screen.findByText('Joined: /home/ada/nhanes');
    expect(opened).toHaveBeenCalledTimes(1);
    expect(await violations(container)).toEqual([]);
  });

  it('lets people look around without a token', async () => {
    show();
    asked.mockResolvedValueOnce({ gateway: GATEWAY }).mockResolvedValueOnce([]);
    connect();
    await screen.findByText(/need a token to submit/);
    screen.getByText('This gateway has no challenge yet.');
    expect(asked.mock.calls[0]).toEqual(['login', { query: { gateway: GATEWAY } }]);
  });

  it('says what is wrong, and how to go on', async () => {
    const { container } = show();
    const problem = { code: 'tls', message: '', hint: '' };
    asked.mockRejectedValueOnce(new ProblemError(problem, 502));
    connect();
    expect((await screen.findByRole('alert')).textContent).toMatch(/certificate.*Check the address/);
    expect(await violations(container)).toEqual([]);
  });

  it('updates a kit in the folder where it is', async () => {
    show();
    asked
      .mockResolvedValueOnce({ gateway: GATEWAY, name: 'ada' })
      .mockResolvedValueOnce([{ ...OFFER, joined: kit({ path: 'elsewhere/nhanes' }) }])
      .mockResolvedValueOnce(job({ kind: 'join' }));
    connect();
    fireEvent.click(await screen.findByRole('button', { name: 'Update the kit' }));
    await screen.findByText('Begins …');
    expect(asked.mock.calls[2][1]?.body).toMatchObject({ folder: 'elsewhere/nhanes' });
  });
});

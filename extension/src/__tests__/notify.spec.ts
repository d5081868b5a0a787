import { Notification } from '@jupyterlab/apputils';

import { Notifier } from '../notify';
import { challenge, job, kit, scored, submission, trans, World } from './support';

describe('Notifier', () => {
  let world: World;

  const shown = (): [type: string, message: string][] =>
    Notification.manager.notifications.map(({ type, message }) => [type, message]);
  const submissions = (...some: ReturnType<typeof submission>[]): void =>
    world.source.tell('submissions', { submissions: some });

  beforeEach(() => {
    Notification.dismiss();
    world = new World();
    new Notifier(world.model, world.commands, trans);
    world.model.kits = [kit()];
    world.source.tell('challenge', { view: challenge() });
    world.source.tell('submissions', { submissions: [scored(0.8)], whole: true });
  });

  it('says nothing of what had ended before', () => {
    expect(shown()).toEqual([]);
  });

  it('follows a submission in one notification, until its score is verified', () => {
    const mine = submission({ name: 'deeper trees', queue_position: 2 });
    submissions(mine);
    expect(shown()).toEqual([['in-progress', 'deeper trees: Queued, place 2']]);
    submissions({ ...mine, state: 'running', version: 2 });
    submissions({ ...mine, state: 'scored', version: 3 });
    expect(shown()).toEqual([['in-progress', 'deeper trees: Running']]);
    submissions({ ...mine, state: 'scored', version: 3, verified: true, scores: { auc: 0.9 } });
    expect(shown()).toEqual([['success', 'deeper trees: auc 0.900 (+0.100)']]);
  });

  it('says why one failed, and leads to its cell', () => {
    const mine = submission({ name: 'forest' });
    submissions(mine);
    submissions({
      ...mine,
      version: 2,
      state: 'failed',
      failure: { stage: 'notebook', cell: 4, reason: 'KeyError' },
      explanation: 'A column, level or key does not exist.'
    });
    expect(shown()).toEqual([['error', 'forest: A column, level or key does not exist (KeyError).']]);
    const [, go] = Notification.manager.notifications[0].options.actions ?? [];
    expect(go.label).toBe('Go to cell 4');
    go.callback(new MouseEvent('click'));
    expect(world.done).toEqual([['participant-kit:go-to-cell', { id: mine.id, cell: 4 }]]);
  });

  it('warns of a score that was not signed', () => {
    const mine = submission({ name: 'forest' });
    submissions(mine);
    const problem = { code: 'receipt', message: 'Not signed.', hint: '' };
    submissions({ ...mine, version: 2, state: 'scored', scores: { auc: 0.99 }, problem });
    expect(shown()[0][1]).toBe('forest: What the gateway shows is not what the data holder has signed.');
  });

  it('leaves one that was dismissed alone until its result', () => {
    const mine = submission({ name: 'forest' });
    submissions(mine);
    Notification.dismiss();
    submissions({ ...mine, version: 2, state: 'running' });
    expect(shown()).toEqual([]);
    submissions({ ...mine, version: 3, state: 'cancelled' });
    expect(shown()).toEqual([['warning', 'forest: Cancelled']]);
  });

  it('follows a rehearsal', () => {
    world.model.putJob(job());
    world.source.tell('job', { job: job({ line: 'Checking the predictions' }) });
    expect(shown()).toEqual([['in-progress', 'Rehearsal of starter.ipynb: Checking the predictions']]);
    world.source.tell('job', { job: job({ state: 'done', seconds: 1.5 }) });
    expect(shown()).toEqual([['success', 'Rehearsal of starter.ipynb: passed in 1.5 s']]);
  });

  it('says that a rehearsal without a sandbox tried less', () => {
    world.model.putJob(job());
    world.source.tell('job', { job: job({ state: 'done', seconds: 1.5, contained: false }) });
    expect(shown()[0][1]).toContain('without a sandbox');
  });
});

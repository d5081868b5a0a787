import type { IChange } from '../model';
import { Model } from '../model';
import { GATEWAY, job, kit, scored, Source, submission } from './support';

function watching(): { source: Source; model: Model; moves: IChange[] } {
  const source = new Source();
  const model = new Model(source);
  model.kits = [kit()];
  const moves: IChange[] = [];
  model.moved.connect((_, change) => moves.push(change));
  return { source, model, moves };
}

describe('Model', () => {
  it('knows a challenge once its submissions have come, be they none', () => {
    const { source, model } = watching();
    expect(model.challenge?.known).toBe(false);
    source.tell('submissions', { whole: true });
    expect(model.challenge?.known).toBe(true);
  });

  it('keeps the newest version, whatever comes in which order', () => {
    const { source, model } = watching();
    const newer = submission({ version: 3, state: 'running' });
    source.tell('submissions', { submissions: [newer], whole: true });
    source.tell('submissions', { submissions: [{ ...newer, version: 2, state: 'queued' }] });
    expect(model.submission(newer.id)?.state).toBe('running');
    source.tell('submissions', { submissions: [{ ...newer, version: 4, state: 'scored' }] });
    expect(model.submission(newer.id)?.state).toBe('scored');
  });

  it('has other submissions after a change, the same ones otherwise', () => {
    const { source, model } = watching();
    const one = submission();
    source.tell('submissions', { submissions: [one], whole: true });
    const before = model.challenge?.submissions;
    source.tell('problem', {});
    expect(model.challenge?.submissions).toBe(before);
    source.tell('submissions', { submissions: [{ ...one, version: 9 }] });
    expect(model.challenge?.submissions).not.toBe(before);
  });

  it('forgets with a whole snapshot what is not in it', () => {
    const { source, model } = watching();
    const [one, other] = [submission(), submission()];
    source.tell('submissions', { submissions: [one, other], whole: true });
    source.tell('submissions', { submissions: [other], whole: true });
    expect([...(model.challenge?.submissions.keys() ?? [])]).toEqual([other.id]);
  });

  it('tells of each change once', () => {
    const { source, moves } = watching();
    const queued = submission({ queue_position: 2 });
    source.tell('submissions', { submissions: [queued], whole: true });
    source.tell('submissions', { submissions: [queued] });
    source.tell('submissions', { submissions: [{ ...queued, queue_position: 1 }] });
    const running = { ...queued, queue_position: undefined, version: 2, state: 'running' as const };
    source.tell('submissions', { submissions: [running] });
    source.tell('submissions', { submissions: [running], whole: true });
    expect(moves.map(({ after }) => [after.state, after.queue_position])).toEqual([
      ['queued', 2],
      ['queued', 1],
      ['running', undefined]
    ]);
  });

  it('tells of scores when they are verified', () => {
    const { source, moves } = watching();
    const ended = submission({ version: 5, state: 'scored' });
    source.tell('submissions', { whole: true });
    source.tell('submissions', { submissions: [ended] });
    source.tell('submissions', { submissions: [{ ...ended, verified: true, scores: { auc: 0.8 } }] });
    expect(moves.map(({ after }) => after.verified)).toEqual([false, true]);
  });

  it('does not tell of what had ended before the page was opened', () => {
    const { source, moves } = watching();
    source.tell('submissions', {
      submissions: [scored(0.8), submission({ state: 'failed' })],
      whole: true
    });
    expect(moves).toEqual([]);
  });

  it('tells of what ended while the line was broken', () => {
    const { source, moves } = watching();
    const running = submission({ state: 'running' });
    source.tell('submissions', { submissions: [running], whole: true });
    source.connect(false);
    source.connect(true);
    source.tell('submissions', {
      submissions: [{ ...running, version: 2, state: 'failed' }],
      whole: true
    });
    expect(moves.at(-1)).toMatchObject({ before: { state: 'running' }, after: { state: 'failed' } });
  });

  it('takes an answer as if it had been pushed, unless a push has overtaken it', () => {
    const { source, model } = watching();
    const sent = submission();
    model.put(sent);
    expect(model.submission(sent.id)).toBe(sent);
    source.tell('submissions', { submissions: [{ ...sent, version: 2, state: 'rehearsing' }] });
    model.put(sent);
    expect(model.submission(sent.id)?.state).toBe('rehearsing');
  });

  it('does not take a job back to its beginning', () => {
    const { source, model } = watching();
    const states: string[] = [];
    model.worked.connect((_, { state }) => states.push(state));
    source.tell('job', { job: job({ state: 'done' }) });
    model.putJob(job());
    expect(model.jobs.map(({ state }) => state)).toEqual(['done']);
    expect(states).toEqual(['done']);
  });

  it('shows the first kit, and keeps the one that was chosen', () => {
    const { model } = watching();
    const [one, other] = [kit(), kit({ challenge: 'icu', folder: '/home/ada/icu' })];
    model.kits = [one, other];
    expect(model.current?.challenge).toBe('nhanes');
    model.current = other;
    model.kits = [one, { ...other }];
    expect(model.current.challenge).toBe('icu');
    model.kits = [one];
    expect(model.current).toBe(one);
    model.kits = [];
    expect(model.current).toBeUndefined();
  });

  it('forgets why kits were not known once they are', () => {
    const { model } = watching();
    model.kitsProblem = { code: 'internal', message: 'No.', hint: '' };
    model.kits = [];
    expect(model.kitsProblem).toBeUndefined();
  });

  it('asks for each challenge once, and for all of them again when told to', () => {
    const { source, model } = watching();
    model.follow(kit());
    model.follow(kit({ challenge: 'icu' }));
    model.retry();
    const both = [
      [GATEWAY, 'nhanes'],
      [GATEWAY, 'icu']
    ];
    expect(source.watched).toEqual([[[GATEWAY, 'nhanes']], both, both]);
  });

  it('does not hear of challenges that it does not follow', () => {
    const { source, model } = watching();
    const elsewhere = submission({ challenge: 'icu' });
    source.tell('submissions', { challenge: 'icu', submissions: [elsewhere], whole: true });
    model.put(elsewhere);
    expect(model.submission(elsewhere.id)).toBeUndefined();
  });

  it('knows what is under way, whichever challenge it is of', () => {
    const { source, model } = watching();
    const icu = kit({ challenge: 'icu', folder: '/home/ada/icu' });
    model.follow(icu);
    const running = [submission({ state: 'running' }), submission({ challenge: 'icu' })];
    source.tell('submissions', { submissions: [running[0], scored(0.8)], whole: true });
    source.tell('submissions', { challenge: 'icu', submissions: [running[1]], whole: true });
    expect(model.running()).toEqual(running);
  });

  it('draws nothing anew for a sign of life', () => {
    const { source, model } = watching();
    let drawn = 0;
    model.changed.connect(() => (drawn += 1));
    source.tell('alive');
    expect(drawn).toBe(0);
    source.tell('problem', { problem: { code: 'gateway_unreachable', message: '', hint: '' } });
    expect(drawn).toBe(1);
    expect(model.challenge?.problem?.code).toBe('gateway_unreachable');
    source.tell('problem');
    expect(model.challenge?.problem).toBeUndefined();
  });

  it('closes the line when it is disposed of', () => {
    const { source, model } = watching();
    model.dispose();
    expect(model.isDisposed).toBe(true);
    expect(source.isDisposed).toBe(true);
  });
});

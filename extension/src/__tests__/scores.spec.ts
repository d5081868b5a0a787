import { formatGain, formatScore, primaryOf, standings } from '../scores';
import { METRICS, scored, submission } from './support';

const [AUC, LOSS] = METRICS;

describe('standings', () => {
  it('finds the best of each phase', () => {
    const [low, high, later] = [scored(0.7), scored(0.9), scored(0.8)];
    const final = scored(0.5, { phase: 'final' });
    const found = standings([low, high, later, final], METRICS);
    expect([low, high, later, final].map(({ id }) => found.get(id)?.best)).toEqual([
      false,
      true,
      false,
      true
    ]);
  });

  it('compares each with the best before it, in order of time', () => {
    const [first, worse, better] = [scored(0.8), scored(0.7), scored(0.85)];
    const found = standings([better, first, worse], METRICS);
    expect(found.get(first.id)?.gain).toBeUndefined();
    expect(found.get(worse.id)?.gain).toBe(-0.1);
    expect(found.get(better.id)?.gain).toBe(0.05);
  });

  it('takes less for better where the metric does', () => {
    const metrics = [{ ...LOSS, primary: true }];
    const [first, less] = [0.5, 0.3].map(loss => scored(0, { scores: { loss } }));
    const found = standings([first, less], metrics);
    expect(found.get(less.id)).toEqual({ best: true, gain: 0.2 });
  });

  it('takes for equal what the metric shows as equal', () => {
    const [first, hair] = [scored(0.8), scored(0.7999999)];
    expect(standings([first, hair], METRICS).get(hair.id)?.gain).toBe(0);
  });

  it('gives a tie to the one that came first', () => {
    const [first, second] = [scored(0.8), scored(0.8)];
    const found = standings([first, second], METRICS);
    expect(found.get(first.id)?.best).toBe(true);
    expect(found.get(second.id)).toEqual({ best: false, gain: 0 });
  });

  it('leaves out what has no score, and everything without a metric', () => {
    expect(standings([submission()], METRICS).size).toBe(0);
    expect(standings([scored(0.8)], []).size).toBe(0);
    expect(primaryOf([LOSS])).toBeUndefined();
  });
});

describe('scores as text', () => {
  it('have the decimals of their metric', () => {
    expect(formatScore(0.81249, AUC)).toBe('0.812');
    expect(formatScore(0.81249)).toBe('0.812');
    expect(formatScore(0.5, LOSS)).toBe('0.50');
  });

  it('have a gain with the sign of the change', () => {
    expect(formatGain(0.05, AUC)).toBe('+0.050');
    expect(formatGain(-0.05, AUC)).toBe('−0.050');
    expect(formatGain(0, AUC)).toBe('±0.000');
    expect(formatGain(0.2, LOSS)).toBe('−0.20');
  });
});

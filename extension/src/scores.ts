import type { IMetric, ISubmission } from './messages';

/** A submission's place among mine: whether it is the best, and how far it was from the best before it. */
export interface IStanding {
  best: boolean;
  /** The primary score less the best one before it; positive is better, whichever way the metric goes. */
  gain?: number;
}

/** The metric that ranks. */
export function primaryOf(metrics: readonly IMetric[]): IMetric | undefined {
  return metrics.find(metric => metric.primary);
}

/** Submissions in order of time, as their identifiers are; of numbers, the longer one is later. */
export function inTime(a: ISubmission, b: ISubmission): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** A metric's value with its decimals. */
export function formatScore(value: number, metric?: IMetric): string {
  return value.toFixed(metric?.decimals ?? 3);
}

/** A gain with its sign, in the metric's own direction. */
export function formatGain(gain: number, metric: IMetric): string {
  const change = metric.higher_is_better ? gain : -gain;
  const text = Math.abs(change).toFixed(metric.decimals);
  return `${change > 0 ? '+' : change < 0 ? '−' : '±'}${text}`;
}

/** The standing of each scored submission of one challenge, within its phase. In order of time, whatever the given one. */
export function standings(
  submissions: readonly ISubmission[],
  metrics: readonly IMetric[]
): Map<string, IStanding> {
  const found = new Map<string, IStanding>();
  const primary = primaryOf(metrics);
  if (!primary) {
    return found;
  }
  const best = new Map<string, { id: string; value: number }>();
  const scored = submissions.filter(submission => submission.scores?.[primary.name] !== undefined);
  scored.sort(inTime);
  const sign = primary.higher_is_better ? 1 : -1;
  for (const submission of scored) {
    const value = sign * (submission.scores?.[primary.name] ?? 0);
    const before = best.get(submission.phase);
    found.set(submission.id, {
      best: false,
      gain: before && round(value - before.value, primary.decimals)
    });
    if (!before || value > before.value) {
      best.set(submission.phase, { id: submission.id, value });
    }
  }
  for (const { id } of best.values()) {
    const standing = found.get(id);
    if (standing) {
      standing.best = true;
    }
  }
  return found;
}

function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals)) + 0;
}

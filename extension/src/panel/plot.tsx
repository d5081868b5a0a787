import * as React from 'react';

import { useView } from '../context';
import { momentFormat } from '../format';
import type { IMetric, ISubmission } from '../messages';
import { formatScore } from '../scores';

const WIDTH = 320;
const HEIGHT = 96;
const MARGIN = { left: 52, right: 6, top: 8, bottom: 8 };

/** My scores over time, with the best so far as a line. Nothing is drawn for fewer than two. */
export const ScorePlot = React.memo(function ScorePlot(props: {
  submissions: readonly ISubmission[];
  metric: IMetric;
}): React.ReactElement | null {
  const { metric } = props;
  const { trans, locale } = useView();
  const points = React.useMemo(() => pointsOf(props.submissions, metric), [props.submissions, metric]);
  if (points.length < 2) {
    return null;
  }
  const moments = momentFormat(locale);
  const values = points.map(point => point.value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const best = metric.higher_is_better ? high : low;
  return (
    <figure className="pkit-Plot">
      <figcaption>{trans.__('%1 over time, best %2', metric.name, formatScore(best, metric))}</figcaption>
      <div className="pkit-Plot-frame">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={trans.__(
            '%1 of %2 scored submissions, from %3 to %4; the best is %5.',
            metric.name,
            points.length,
            formatScore(values[0], metric),
            formatScore(values[values.length - 1], metric),
            formatScore(best, metric)
          )}
        >
          <path className="pkit-Plot-best" d={bestPath(points, metric)} />
          {points.map(point => (
            <path
              key={point.id}
              className={`pkit-Plot-point${point.value === best ? ' pkit-mod-best' : ''}`}
              d={`M${point.x} ${point.y}h0`}
            >
              <title>{`${formatScore(point.value, metric)}, ${moments.format(new Date(point.at))}`}</title>
            </path>
          ))}
        </svg>
        <span className="pkit-Plot-high">{formatScore(high, metric)}</span>
        <span className="pkit-Plot-low">{formatScore(low, metric)}</span>
      </div>
    </figure>
  );
});

interface IPoint {
  id: string;
  at: string;
  value: number;
  x: number;
  y: number;
}

/** Scored submissions in order of time, placed in the drawing. At most 500: more would be one grey line. */
export function pointsOf(submissions: readonly ISubmission[], metric: IMetric): IPoint[] {
  const scored = submissions
    .filter(one => one.scores?.[metric.name] !== undefined)
    .sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at))
    .slice(-500);
  const times = scored.map(one => Date.parse(one.created_at));
  const values = scored.map(one => one.scores?.[metric.name] ?? 0);
  const x = scale(times, MARGIN.left, WIDTH - MARGIN.right);
  const y = scale(values, HEIGHT - MARGIN.bottom, MARGIN.top);
  return scored.map((one, index) => ({
    id: one.id,
    at: one.created_at,
    value: values[index],
    x: x(times[index]),
    y: y(values[index])
  }));
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  return value => (span === 0 ? (from + to) / 2 : from + ((value - low) / span) * (to - from));
}

function bestPath(points: readonly IPoint[], metric: IMetric): string {
  let best = points[0];
  let path = `M${best.x} ${best.y}`;
  for (const point of points.slice(1)) {
    path += `H${point.x}`;
    if (metric.higher_is_better ? point.value > best.value : point.value < best.value) {
      best = point;
      path += `V${point.y}`;
    }
  }
  return path;
}

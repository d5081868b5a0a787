import { screen } from '@testing-library/react';
import * as React from 'react';

import { pointsOf, ScorePlot } from '../panel/plot';
import { METRICS, scored, submission, violations, World } from './support';

const [AUC] = METRICS;

describe('pointsOf', () => {
  it('places scores by time and value, the later ones to the right and the higher ones above', () => {
    const [first, second, third] = [scored(0.5), scored(0.9), scored(0.7)];
    const points = pointsOf([third, submission(), first, second], AUC);
    expect(points.map(({ id }) => id)).toEqual([first.id, second.id, third.id]);
    expect(points[0].x).toBeLessThan(points[1].x);
    expect(points[1].x).toBeLessThan(points[2].x);
    expect(points[1].y).toBeLessThan(points[2].y);
    expect(points[2].y).toBeLessThan(points[0].y);
  });

  it('places equal scores in the middle, and none nowhere', () => {
    const [first, second] = pointsOf([scored(0.5), scored(0.5)], AUC);
    expect([first.y, second.y]).toEqual([48, 48]);
    expect(pointsOf([], AUC)).toEqual([]);
  });

  it('shows the newest 500', () => {
    const many = Array.from({ length: 600 }, (_, index) => scored(index / 600));
    const points = pointsOf(many, AUC);
    expect(points).toHaveLength(500);
    expect(points.at(-1)?.id).toBe(many.at(-1)?.id);
  });
});

describe('ScorePlot', () => {
  it('says in words what it draws', async () => {
    const { container } = new World().show(
      <ScorePlot submissions={[scored(0.5), scored(0.9), scored(0.7)]} metric={AUC} />
    );
    expect(
      screen.getByRole('img', {
        name: 'auc of 3 scored submissions, from 0.500 to 0.700; the best is 0.900.'
      })
    ).toBeTruthy();
    expect(await violations(container)).toEqual([]);
  });

  it('draws nothing of a single score', () => {
    const { container } = new World().show(<ScorePlot submissions={[scored(0.5)]} metric={AUC} />);
    expect(container.innerHTML).toBe('');
  });
});

import { fireEvent, screen } from '@testing-library/react';
import * as React from 'react';

import { formatState } from '../format';
import type { ISubmission } from '../messages';
import { arrange, select, SubmissionsSection } from '../panel/submissions';
import { giveHeight, METRICS, scored, submission, trans, violations, World } from './support';

const [AUC, LOSS] = METRICS;
const stateName = (state: ISubmission['state']): string => formatState(state, trans);
const names = (all: readonly ISubmission[]): string[] => all.map(({ name }) => name);

const ALL = [
  scored(0.7, { name: 'logistic' }),
  scored(0.9, { name: 'boosting', note: 'deeper trees' }),
  submission({ name: 'forest', state: 'failed', failure: { stage: 'notebook', reason: 'KeyError' } }),
  submission({ name: 'forest again', state: 'running', phase: 'final' })
];

describe('select', () => {
  it.each([
    ['', ['logistic', 'boosting', 'forest', 'forest again']],
    ['  FOREST ', ['forest', 'forest again']],
    ['forest again', ['forest again']],
    ['trees', ['boosting']],
    ['keyerror', ['forest']],
    ['running', ['forest again']],
    ['final', ['forest again']],
    ['starter', ['logistic', 'boosting', 'forest', 'forest again']],
    ['forest trees', []]
  ])('finds every word of "%s"', (words, found) => {
    expect(names(select(ALL, words, 'all', stateName))).toEqual(found);
  });

  it('finds states by their names in the language of the reader', () => {
    expect(names(select(ALL, 'läuft', 'all', state => (state === 'running' ? 'Läuft' : '')))).toEqual([
      'forest again'
    ]);
  });

  it.each([
    ['running', ['forest again']],
    ['scored', ['logistic', 'boosting']],
    ['failed', ['forest']]
  ] as const)('shows those that are %s', (show, found) => {
    expect(names(select(ALL, '', show, stateName))).toEqual(found);
  });
});

describe('arrange', () => {
  it.each([
    ['newest', ['forest again', 'forest', 'boosting', 'logistic']],
    ['oldest', ['logistic', 'boosting', 'forest', 'forest again']],
    ['best', ['boosting', 'logistic', 'forest again', 'forest']],
    ['name', ['boosting', 'forest', 'forest again', 'logistic']]
  ] as const)('puts the %s first', (order, found) => {
    expect(names(arrange([...ALL], order, AUC))).toEqual(found);
  });

  it('puts less first where less is better, and what has no score last', () => {
    const both = [0.5, 0.2].map(loss => scored(0, { name: String(loss), scores: { loss } }));
    expect(names(arrange([...both, ALL[2]], 'best', LOSS))).toEqual(['0.2', '0.5', 'forest']);
  });
});

describe('SubmissionsSection', () => {
  beforeAll(giveHeight);

  function show(all: readonly ISubmission[], notebook?: string): HTMLElement {
    const byId = new Map(all.map(one => [one.id, one]));
    return new World().show(<SubmissionsSection submissions={byId} metrics={METRICS} notebook={notebook} />)
      .container;
  }

  it('says how to make the first one', async () => {
    const container = show([], 'nhanes/starter.ipynb');
    screen.getByText('No submissions yet.');
    screen.getByText(/Open the starter notebook and press "Submit blind"/);
    expect(await violations(container)).toEqual([]);
  });

  it('shows them all, with a plot', async () => {
    const container = show(ALL);
    expect(screen.getAllByRole('article')).toHaveLength(4);
    screen.getByRole('img', { name: /2 scored submissions/ });
    screen.getByText('best');
    expect(await violations(container)).toEqual([]);
  });

  it('finds some, says how many, and shows all again', () => {
    show(ALL);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'forest' } });
    expect(screen.getAllByRole('article')).toHaveLength(2);
    screen.getByText('2 submissions');
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'no such' } });
    fireEvent.click(screen.getByRole('button', { name: 'Show all' }));
    expect(screen.getAllByRole('article')).toHaveLength(4);
  });

  it('draws fewer than 60 of 5,000', () => {
    show(Array.from({ length: 5_000 }, (_, index) => scored(index / 5_000)));
    const rows = screen.getAllByRole('listitem');
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.length).toBeLessThan(60);
    expect(rows[0].getAttribute('aria-setsize')).toBe('5000');
    screen.getByText('5000 submissions');
  });
});

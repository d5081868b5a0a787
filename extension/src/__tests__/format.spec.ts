import { Gettext } from '@jupyterlab/translation';
import type { TranslationBundle } from '@jupyterlab/translation';
import { readFileSync } from 'fs';

import {
  bitsLeft,
  formatAgo,
  formatBits,
  formatMoment,
  formatName,
  formatSaid,
  formatSeconds,
  formatState,
  submissionsLeft
} from '../format';
import type { State } from '../messages';
import { quota, submission, trans } from './support';

const NOW = Date.parse('2026-01-10T12:00:00Z');

describe('moments', () => {
  it.each([
    ['2026-01-10T12:00:00Z', 'now'],
    ['2026-01-10T11:59:30Z', '30 seconds ago'],
    ['2026-01-10T11:58:01Z', '1 minute ago'],
    ['2026-01-10T15:30:00Z', 'in 3 hours'],
    ['2026-01-09T11:00:00Z', 'yesterday'],
    ['2026-01-15T12:00:00Z', 'in 5 days'],
    ['2025-10-10T12:00:00Z', '3 months ago'],
    ['2030-01-10T12:00:00Z', 'in 4 years']
  ])('%s is %s', (moment, said) => {
    expect(formatAgo(moment, NOW, 'en')).toBe(said);
  });

  it('are said in the language of the reader', () => {
    expect(formatAgo('2026-01-09T11:00:00Z', NOW, 'de')).toBe('gestern');
    expect(formatMoment('2026-01-10T12:00:00Z', 'de')).toMatch(/^10\.01\.2026/);
  });

  it('have seconds with two digits', () => {
    expect([0, 5, 65, 3600, -3].map(formatSeconds)).toEqual(['0:00', '0:05', '1:05', '60:00', '0:00']);
  });
});

describe('a state', () => {
  it('has a name of its own', () => {
    const states: State[] = [
      'queued',
      'rehearsing',
      'running',
      'scoring',
      'scored',
      'failed',
      'refused',
      'cancelled'
    ];
    const names = states.map(state => formatState(state, trans));
    expect(new Set(names).size).toBe(states.length);
    expect(names.every(name => /^[A-Z]/.test(name))).toBe(true);
  });
});

describe('what is left', () => {
  it('is the lesser of the day and the phase', () => {
    expect(submissionsLeft(quota({ used_today: 2, per_day: 10, used_total: 20, total: 100 }))).toBe(8);
    expect(submissionsLeft(quota({ used_today: 2, per_day: 10, used_total: 97, total: 100 }))).toBe(3);
  });

  it('has no limit where the phase has none', () => {
    expect(submissionsLeft(quota({ per_day: undefined, total: undefined }))).toBeUndefined();
    expect(submissionsLeft(quota({ per_day: undefined, used_total: 97, total: 100 }))).toBe(3);
  });

  it('is never less than nothing', () => {
    expect(submissionsLeft(quota({ used_today: 12, per_day: 10 }))).toBe(0);
    expect(bitsLeft(quota({ revealed_bits: 40 }), 100)).toBe(60);
    expect(bitsLeft(quota({ revealed_bits: 140 }), 100)).toBe(0);
  });

  it('has one decimal at most', () => {
    expect([12, 12.34, 1234.5].map(bits => formatBits(bits, 'en'))).toEqual(['12', '12.3', '1,234.5']);
  });
});

describe('a submission', () => {
  it('is called by its name, else by its notebook, else by its identifier', () => {
    expect(formatName(submission({ name: 'deeper trees' }), trans)).toBe('deeper trees');
    expect(formatName(submission(), trans)).toBe('starter.ipynb');
    const far = submission({ id: '0190aaaa-bbbb-cccc-dddd-eeee12345678', notebook: undefined });
    expect(formatName(far, trans)).toBe('Submission 12345678');
  });
});

describe('why a run failed', () => {
  it('names the exception, and no other reason', () => {
    const sentence = 'A column, level or key does not exist.';
    expect(formatSaid(sentence, trans)).toBe(sentence);
    expect(formatSaid(sentence, trans, 'KeyError')).toBe('A column, level or key does not exist (KeyError).');
    expect(formatSaid('Join cells.', trans, 'too_many_cells')).toBe('Join cells.');
  });

  it('is said in the language of the reader', () => {
    const path = '../participant_kit/locale/de_DE/LC_MESSAGES/participant_kit.json';
    const catalogue = JSON.parse(readFileSync(path, 'utf-8')) as Record<'', { plural_forms: string }>;
    const bundle = new Gettext({ domain: 'participant_kit', locale: 'de_DE' });
    bundle.loadJSON(
      { ...catalogue, '': { ...catalogue[''], pluralForms: catalogue[''].plural_forms } } as never,
      'participant_kit'
    );
    const german = bundle as TranslationBundle;
    expect(formatSaid('A column, level or key does not exist.', german, 'KeyError')).toMatch(
      /existiert nicht \(KeyError\)\.$/
    );
    expect(german._n('%1 submission', '%1 submissions', 1)).toBe('1 Einreichung');
    expect(german._n('%1 submission', '%1 submissions', 3)).toBe('3 Einreichungen');
  });
});

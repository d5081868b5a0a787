import { readdirSync, readFileSync } from 'fs';
import { join } from 'path';

import { adviceFor, whyFailed } from '../problems';
import { finding, job, trans } from './support';

const MESSAGE = 'What the other side says.';
const HINT = 'What it proposes.';

/** Codes of problems that the page itself makes. */
const OWN = ['jupyter_unreachable', 'jupyter_login', 'extension_missing'];

/** Every code that Python can send to the page: the participant's own, and the gateway's. */
function codes(): string[] {
  const found = new Set<string>();
  for (const zone of ['challenge', 'protocol', 'participant', 'gateway']) {
    const root = join('..', 'participant_kit', zone);
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf-8' })) {
      if (name.endsWith('.py')) {
        const text = readFileSync(join(root, name), 'utf-8');
        for (const pattern of [
          /\bcode ?= ?"(\w+)"/g,
          /^[A-Z_]+ = "(\w+)"\n"""The code of/gm,
          /GatewayError\(\s*\d+,\s*"(\w+)"/g,
          /_error\([^)]*"(\w+)",?\s*\)/g
        ]) {
          for (const match of text.matchAll(pattern)) {
            found.add(match[1]);
          }
        }
      }
    }
  }
  return [...found].sort();
}

const said = (code: string, findings = [finding()]): ReturnType<typeof adviceFor> =>
  adviceFor({ code, message: MESSAGE, hint: HINT, findings }, trans);

const KNOWN = [...codes(), ...OWN].filter(code => said(code).sentence !== MESSAGE);

describe('advice', () => {
  it('is found for codes of every side', () => {
    expect(codes()).toEqual(
      expect.arrayContaining([
        'gateway_unreachable',
        'tls',
        'quota_spent',
        'token_expired',
        'no_kit',
        'notebook'
      ])
    );
  });

  it.each(KNOWN)('has its own words for %s, and a next step', code => {
    const advice = said(code);
    expect(advice.sentence).toMatch(/^[A-Z].*\.$/);
    expect(advice.next).not.toBe('');
  });

  it('has no words for what nobody sends', () => {
    const source = readFileSync(join('src', 'problems.ts'), 'utf-8');
    const cases = [...source.matchAll(/case '(\w+)':/g)].map(match => match[1]);
    expect(cases.sort()).toEqual(KNOWN.sort());
  });

  it.each(codes().filter(code => !KNOWN.includes(code)))('repeats what was said for %s', code => {
    expect(said(code)).toEqual({ sentence: MESSAGE, next: HINT });
  });

  it('says something even if nothing was said', () => {
    expect(adviceFor({ code: 'internal', message: '', hint: '' }, trans).sentence).toBe('It failed.');
  });

  it('leads on with a button where there is one way', () => {
    expect(
      [
        'gateway_unreachable',
        'jupyter_login',
        'no_token',
        'token_expired',
        'old_kit',
        'older_kit',
        'no_kit'
      ].map(code => said(code).action)
    ).toEqual(['retry', 'reload', 'login', 'login', 'kit', 'join', 'join']);
  });

  it('offers no way on with a kit that takes a revocation back', () => {
    expect(said('revocation_missing')).not.toHaveProperty('action');
    expect(said('revocation_missing').next).toMatch(/Do not use it/);
  });

  it('says when the next phase opens', () => {
    expect(said('phase_closed').next).toBe(HINT);
  });

  it('keeps apart mistakes in a notebook and in a kit', () => {
    expect(said('findings').next).toMatch(/cells/);
    expect(said('findings', [finding({ file: 'card.yaml' })]).action).toBe('kit');
  });

  it('does not call a slip of the pen a forged score', () => {
    expect(said('protocol').sentence).toBe(MESSAGE); // such as an address that is none
    expect(said('receipt').next).toMatch(/Do not trust/);
  });
});

describe('a job that has failed', () => {
  it('says why, whatever is known', () => {
    const problem = { code: 'no_kit', message: MESSAGE, hint: HINT };
    expect(whyFailed(job({ problem }), trans)).toMatch(/^This notebook belongs to no challenge\. Join/);
    const explanation = 'Something was divided by zero.';
    expect(whyFailed(job({ explanation, reason: 'ZeroDivisionError' }), trans)).toBe(
      'Something was divided by zero (ZeroDivisionError).'
    );
    expect(whyFailed(job(), trans)).toBe('It failed.');
  });
});

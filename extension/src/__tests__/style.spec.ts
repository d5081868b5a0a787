import { readFileSync } from 'fs';
import { join } from 'path';

const css = readFileSync(join(__dirname, '..', '..', 'style', 'base.css'), 'utf8').replace(
  /\/\*[^]*?\*\//g,
  ''
);

describe('the style sheet', () => {
  it('has no colour but those of the theme', () => {
    const named = /\b(?:red|green|blue|white|black|gr[ae]y|orange|yellow)\b/;
    for (const line of css.split('\n')) {
      const [, value = ''] = /^\s*[\w-]+:\s*(.*);$/.exec(line) ?? [];
      expect(value).not.toMatch(/#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/i);
      expect(value.replace(/var\([^)]*\)/g, '')).not.toMatch(named);
    }
  });

  it('takes every variable from JupyterLab', () => {
    for (const [, name] of css.matchAll(/var\((--[\w-]+)/g)) {
      expect(name).toMatch(/^--jp-/);
    }
  });
});
